import { expect, it } from "vitest";
import { MessageBuilder } from "../../../../src/cli/chat/multi-line.ts";

/** The messages that lines make. */
function messages(...lines: readonly string[]): (string | undefined)[] {
  const builder = new MessageBuilder();
  return lines.map((line) => builder.push(line)).filter((message) => message !== undefined);
}

it.each([
  [["one"], ["one"]],
  [[""], [""]],
  [
    ["a\\", "b\\", "c", "d"],
    ["a\nb\nc", "d"],
  ],
  [["a\\", ""], ["a\n"]],
  [
    ['"""', "a\\", "", ' b """', "c"],
    ["a\\\n\n b ", "c"],
  ],
  [['"""a', 'b"""'], ["a\nb"]],
  [['  """one line"""'], ["one line"]],
  [['"""', '"""'], [""]],
  [['"""""" '], [""]],
  [['a """ b'], ['a """ b']],
  [["a\\", '"""'], ['a\n"""']],
])("%j makes %j", (lines, expected) => {
  expect(messages(...lines)).toEqual(expected);
});

it("knows whether a message is open, and forgets it when told", () => {
  const builder = new MessageBuilder();
  expect(builder.open).toBe(false);
  builder.push('"""');
  expect(builder.open).toBe(true);
  builder.reset();
  expect([builder.open, builder.push("x")]).toEqual([false, "x"]);
});
