import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors.ts";
import { cutWindows, type WindowOptions } from "../../../src/scoring/windows.ts";

const BOS = 99;
const text = (n: number) => Int32Array.from({ length: n }, (_, i) => i);

/** Index in the text of every scored token, window by window. */
function scored(n: number, options: WindowOptions): number[][] {
  const step = options.stride ?? options.size;
  return cutWindows(text(n), options).map(({ ids, firstScored }, i) =>
    Array.from({ length: ids.length - firstScored }, (_, j) => i * step + firstScored + j),
  );
}

describe("windows side by side", () => {
  it("score the later half but its first token, and drop the rest of the text", () => {
    expect(scored(19, { size: 8 })).toEqual([
      [5, 6, 7],
      [13, 14, 15],
    ]);
    expect(scored(7, { size: 7 })).toEqual([[4, 5, 6]]);
  });

  it("begin with BOS where there is one, and leave the text alone", () => {
    const ids = text(16);
    const [first, second] = cutWindows(ids, { size: 8, bos: BOS });
    expect([...(first?.ids ?? [])]).toEqual([BOS, 1, 2, 3, 4, 5, 6, 7]);
    expect([...(second?.ids ?? [])].slice(0, 2)).toEqual([BOS, 9]);
    expect(ids[0]).toBe(0);
    expect(cutWindows(ids, { size: 8 })[1]?.ids[0]).toBe(8);
  });

  it("are as many as wanted", () => {
    expect(cutWindows(text(80), { size: 8, most: 3 })).toHaveLength(3);
    expect(cutWindows(text(16), { size: 8, most: 3 })).toHaveLength(2);
  });
});

describe("overlapping windows", () => {
  it("score the last tokens of each, every token once", () => {
    expect(scored(15, { size: 8, stride: 3 })).toEqual([
      [5, 6, 7],
      [8, 9, 10],
      [11, 12, 13],
    ]);
  });

  it("are one for a text of just their size", () => {
    expect(scored(8, { size: 8, stride: 3 })).toEqual([[5, 6, 7]]);
  });
});

it.each<[string, number, WindowOptions]>([
  ["a text that is too short", 7, { size: 8 }],
  ["windows in which nothing is scored", 10, { size: 2 }],
  ["a stride as long as the window", 20, { size: 8, stride: 8 }],
])("refuses %s", (_name, length, options) => {
  expect(() => cutWindows(text(length), options)).toThrow(UsageError);
});
