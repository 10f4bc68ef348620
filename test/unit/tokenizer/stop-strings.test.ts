import { expect, test } from "vitest";
import { UsageError } from "../../../src/errors.ts";
import { StopStrings } from "../../../src/tokenizer/stop-strings.ts";
import { random } from "./support.ts";

function run(stops: readonly string[], chunks: readonly string[]) {
  const matcher = new StopStrings(stops);
  const shown: string[] = [];
  let stop: string | undefined;
  for (const chunk of chunks) {
    const result = matcher.push(chunk);
    shown.push(result.text);
    stop = result.stop;
  }
  if (stop === undefined) shown.push(matcher.flush());
  return { shown, text: shown.join(""), stop };
}

test("finds a stop across chunks and holds back what may begin one", () => {
  expect(run(["END"], ["abcE", "N", "Dxyz", "more"])).toEqual({
    shown: ["abc", "", "", ""],
    text: "abc",
    stop: "END",
  });
  expect(run(["END"], ["abcE", "N", "X", "E"]).shown).toEqual(["abc", "", "ENX", "", "E"]);
});

test("the match that ends first wins, of those that end together the longest", () => {
  expect(run(["abcd", "bc"], ["xabcd"])).toMatchObject({ text: "xa", stop: "bc" });
  expect(run(["bc", "abc"], ["xabc"])).toMatchObject({ text: "x", stop: "abc" });
  expect(run(["aab"], ["aaab"])).toMatchObject({ text: "a", stop: "aab" });
  expect(run(["\n\n"], ["one\n", "two\n", "\nthree"])).toMatchObject({ text: "one\ntwo" });
});

test("no stop strings: everything passes at once", () => {
  expect(run([], ["a", "", "b"]).shown).toEqual(["a", "", "b", ""]);
});

test("an empty stop string is refused", () => {
  expect(() => new StopStrings(["a", ""])).toThrow(UsageError);
});

test("flush starts afresh", () => {
  const matcher = new StopStrings(["ab"]);
  expect(matcher.push("xa")).toEqual({ text: "x", stop: undefined });
  expect(matcher.flush()).toBe("a");
  expect(matcher.push("b")).toEqual({ text: "b", stop: undefined });
});

/** The definition: the smallest end, then the longest. */
function searchNaively(stops: readonly string[], text: string) {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    found.sort((a, b) => b.length - a.length);
    const [stop] = found;
    if (stop !== undefined) return { text: text.slice(0, end - stop.length), stop };
  }
  return { text, stop: undefined };
}

test("agrees with the definition however the text is cut", () => {
  const next = random(7);
  const word = (most: number): string =>
    Array.from({ length: 1 + Math.floor(next() * most) }, () => (next() < 0.6 ? "a" : "b")).join(
      "",
    );
  for (let i = 0; i < 3000; i++) {
    const stops = Array.from({ length: 1 + Math.floor(next() * 3) }, () => word(6));
    const text = word(30);
    const chunks: string[] = [];
    for (let at = 0; at < text.length; ) {
      const length = 1 + Math.floor(next() * 4);
      chunks.push(text.slice(at, at + length));
      at += length;
    }
    expect(run(stops, chunks)).toMatchObject(searchNaively(stops, text));
  }
});
