import { describe, expect, it } from "vitest";
import { fittingLayout } from "../../../src/scoring/probe.ts";

const readings = (...losses: number[]) => losses.map((loss, layout) => ({ layout, loss }));

describe("fittingLayout", () => {
  it("is the one of the least loss", () => {
    expect(fittingLayout(readings(9, 3, 9.1), 1000)).toBe(1);
    expect(fittingLayout(readings(9, 9, 9, 8.5, 2), 100_000)).toBe(4);
  });

  it("needs half the perplexity of the next", () => {
    expect(fittingLayout(readings(3, 3.69), 1000)).toBeUndefined();
    expect(fittingLayout(readings(3, 3.7), 1000)).toBe(0);
  });

  it("must be better than chance", () => {
    expect(fittingLayout(readings(6.8, 9, 9), 1000)).toBe(0);
    expect(fittingLayout(readings(7, 9, 9), 1000)).toBeUndefined();
    expect(fittingLayout(readings(Number.NaN, Number.NaN), 1000)).toBeUndefined();
    expect(fittingLayout([], 1000)).toBeUndefined();
  });

  it("leaves out readings that give no number", () => {
    expect(fittingLayout(readings(Number.NaN, 3, Number.NaN, 9), 1000)).toBe(1);
    expect(fittingLayout(readings(3, Number.NaN), 1000)).toBe(0);
  });
});
