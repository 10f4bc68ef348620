import { describe, expect, it } from "vitest";
import { ToolCallParser } from "../../../src/server/openai/tool-calls.ts";

/** What comes of a text, cut into pieces of `size` characters. */
function parse(text: string, size: number) {
  const parser = new ToolCallParser(["f"]);
  const parts = [];
  for (let at = 0; at < text.length; at += size) parts.push(parser.push(text.slice(at, at + size)));
  parts.push(parser.flush());
  return {
    text: parts.map((part) => part.text).join(""),
    calls: parts
      .flatMap(({ calls }) => calls)
      .map(({ function: { name, arguments: args } }) => [name, JSON.parse(args)]),
  };
}

const CASES: [string, string, ReturnType<typeof parse>][] = [
  ["plain text", "a < b and <tool", { text: "a < b and <tool", calls: [] }],
  [
    "Hermes",
    'Let me see.<tool_call>\n{"name": "f", "arguments": {"x": "}</b>"}}\n</tool_call>',
    { text: "Let me see.", calls: [["f", { x: "}</b>" }]] },
  ],
  [
    "two calls",
    '<tool_call>{"name":"f","arguments":{}}</tool_call>\n<tool_call>{"name":"g"}</tool_call>',
    {
      text: "\n",
      calls: [
        ["f", {}],
        ["g", {}],
      ],
    },
  ],
  ["Llama 3", ' {"name": "f", "parameters": {"a": [1]}}', { text: "", calls: [["f", { a: [1] }]] }],
  ["a call without its end", '<tool_call>{"name":"f"}', { text: "", calls: [["f", {}]] }],
  [
    "JSON with a name",
    '{"name": "Ann", "age": 3}',
    { text: '{"name": "Ann", "age": 3}', calls: [] },
  ],
  ["JSON that is no call", '{"a": 1}', { text: '{"a": 1}', calls: [] }],
  [
    "a call that is no JSON",
    "<tool_call>f(1)</tool_call>",
    { text: "<tool_call>f(1)</tool_call>", calls: [] },
  ],
];

describe.each(CASES)("ToolCallParser, %s", (_, text, expected) => {
  it.each([1, 2, 3, 7, 1000])("in pieces of %i", (size) => {
    expect(parse(text, size)).toEqual(expected);
  });
});

it("shows text before a call as soon as it is no part of one", () => {
  const parser = new ToolCallParser(["f"]);
  expect(parser.push("Hello <").text).toBe("Hello ");
  expect(parser.push("b>").text).toBe("<b>");
});
