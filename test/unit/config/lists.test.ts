import { expect, it } from "vitest";
import { numberList, parseNumberList, someOf } from "../../../src/config/lists.ts";

it.each([
  ["512", [512]],
  ["1,2,4", [1, 2, 4]],
  ["1-4", [1, 2, 3, 4]],
  ["100-300+100,512", [100, 200, 300, 512]],
  ["1-16*2", [1, 2, 4, 8, 16]],
  ["2,1,2", [2, 1]],
  ["0", [0]],
])("%s", (text, expected) => {
  expect(parseNumberList(text)).toEqual(expected);
});

it.each(["", "a", "1,", "4-1", "1-4+0", "0-4*2", "1-4*1", "-1", "1.5", "1-100000"])(
  "%j is no list",
  (text) => {
    expect(parseNumberList(text)).toBeUndefined();
  },
);

it("a least value holds for every number", () => {
  expect(numberList(1).parse("1,0")).toBeUndefined();
  expect(someOf("a", "b").parse("b, a")).toEqual(["b", "a"]);
  expect(someOf("a", "b").parse("c")).toBeUndefined();
});
