import { describe, expect, test } from "vitest";
import { parseMessages } from "../../../src/chat/messages.ts";
import { ChatTemplate } from "../../../src/chat/template.ts";
import { BitnetError, ModelFormatError, UsageError } from "../../../src/errors.ts";
import { tokenizerOf } from "./support.ts";

function render(chat_template: string): string {
  const tokenizer = tokenizerOf("a-packed", { chat_template });
  const template = new ChatTemplate({ tokenizer, architecture: undefined });
  return template.render([{ role: "user", content: "Hello" }]);
}

function attempt(source: string): unknown {
  try {
    return render(source);
  } catch (error) {
    return error;
  }
}

const NEST = (depth: number, body: string): string =>
  `${"{% for a in range(1000) %}".repeat(depth)}${body}${"{% endfor %}".repeat(depth)}`;
const DOUBLED = (start: string, times: number): string =>
  `{% set s = ${start} %}${"{% set s = s + s %}".repeat(times)}`;

describe("hostile templates end in an error, soon", () => {
  test.each<[string, string, string]>([
    ["nested loops", NEST(4, "x"), "steps"],
    ["empty nested loops", NEST(5, ""), "steps"],
    ["a loop with a test", "{% for a in range(999999) if a < 0 %}{% endfor %}".repeat(9), "steps"],
    ["a long range", "{{ range(1000000000) | length }}", "too long"],
    ["a range of text", "{{ range('x') | length }}", "needs integers"],
    ["a step of 0", "{{ range(0, 1, 0) | length }}", "other than 0"],
    ["text that doubles", `${DOUBLED("'xx'", 40)}{{ s }}`, "steps"],
    ["text that explodes", `${DOUBLED("'x'", 13)}{{ s | replace('x', s) }}`, "characters"],
    ["a list that doubles", `${DOUBLED("[1]", 40)}{{ s | length }}`, "items"],
    [
      "a macro that calls itself",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "chat template",
    ],
    ["deep nesting", `{{ ${"(".repeat(100_000)}1${")".repeat(100_000)} }}`, "stack"],
    ["a megabyte of source", "x".repeat((1 << 20) + 1), "longer than"],
    ["an unknown filter", "{{ 1 | nonsense }}", "nonsense"],
    ["a function of the host", "{{ process.exit(1) }}", "not a function"],
    ["prototype access", "{{ messages.constructor.constructor('return 1')() }}", "not a function"],
    ["an unknown tag", "{% include '/etc/passwd' %}", "include"],
  ])("%s", { timeout: 10_000 }, (_, source, expected) => {
    // Once only: some take seconds before they reach a limit.
    const error = attempt(source);
    expect(error).toBeInstanceOf(ModelFormatError);
    expect((error as Error).message).toContain(expected);
  });

  test("error messages are one line, without control characters, not long", () => {
    const name = "n".repeat(2000);
    const error = attempt(`{{ 1 | ${name} }}`);
    expect(error).toBeInstanceOf(BitnetError);
    expect((error as Error).message.length).toBeLessThan(400);
  });

  test("large, honest conversations stay below the limits", () => {
    const messages = Array.from({ length: 2000 }, (_, i) => ({
      role: i % 2 === 0 ? ("user" as const) : ("assistant" as const),
      content: "word ".repeat(200),
    }));
    for (const model of ["a-packed", "c", "d"]) {
      const template = new ChatTemplate({ tokenizer: tokenizerOf(model), architecture: undefined });
      expect(template.encode(messages).length).toBeGreaterThan(400_000);
    }
  });
});

describe("messages", () => {
  test.each<[unknown, string]>([
    ["hi", "expected a list"],
    [[], "the list is empty"],
    [["hi"], "messages[0]: expected an object"],
    [[{ role: "user", content: "x" }, null], "messages[1]: expected an object"],
    [[{ content: "x" }], "messages[0].role: unknown role undefined"],
    [[{ role: "<|eot_id|>", content: "x" }], 'unknown role "<|eot_id|>"'],
    [[{ role: "user" }], "messages[0].content: expected a string, found undefined"],
    [[{ role: "user", content: ["x"] }], "expected a string, found object"],
  ])("%j is refused", (value, expected) => {
    expect(() => parseMessages(value)).toThrow(UsageError);
    expect(() => parseMessages(value)).toThrow(expected);
  });

  test("are copied without further fields", () => {
    expect(parseMessages([{ role: "tool", content: "", other: 1 }])).toEqual([
      { role: "tool", content: "" },
    ]);
  });
});
