import { describe, expect, it } from "vitest";
import { summarizeLatency } from "../../../src/bench/report/latency.ts";
import { estimate, median, percentile, ratio } from "../../../src/bench/stats.ts";

describe("estimate", () => {
  it("is robust against one outlier", () => {
    const { median: middle, mad, min, max, confidence95 } = estimate([10, 11, 12, 13, 100]);
    expect({ middle, mad, min, max }).toEqual({ middle: 12, mad: 1, min: 10, max: 100 });
    expect(confidence95?.[0]).toBeLessThanOrEqual(12);
    expect(confidence95?.[1]).toBeGreaterThanOrEqual(12);
  });

  it("knows no interval from two samples, and nothing from none", () => {
    expect(estimate([1, 2]).confidence95).toBeNull();
    expect(() => estimate([])).toThrow(RangeError);
  });

  it("is the same on every call", () => {
    expect(estimate([3, 1, 2])).toEqual(estimate([3, 1, 2]));
  });

  // The median of 15 samples of a uniform distribution: the interval ought to hold the true median
  // in about 95 of 100 cases; the bootstrap of few samples falls a little short of that.
  it("covers the true median about as often as it says", () => {
    let state = 7;
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state / 2 ** 32;
    };
    let held = 0;
    for (let i = 0; i < 200; i += 1) {
      const [low = 0, high = 0] = estimate(Array.from({ length: 15 }, random)).confidence95 ?? [];
      if (low <= 0.5 && 0.5 <= high) held += 1;
    }
    expect(held).toBeGreaterThan(175);
    expect(held).toBeLessThan(200);
  });
});

it("percentiles lie between neighbours", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(percentile([0, 10], 0.95)).toBeCloseTo(9.5, 12);
  expect(percentile([5], 0.99)).toBe(5);
});

describe("ratio", () => {
  it("tells a real difference from scatter", () => {
    const fast = ratio([20, 21, 20.5, 20.2], [10, 10.1, 10.2, 10.3]);
    expect(fast?.median).toBeCloseTo(20.35 / 10.15, 10);
    expect(fast?.confidence95[0]).toBeGreaterThan(1.9);
    const same = ratio([9, 12, 10], [10, 11, 9]);
    expect(same?.confidence95[0]).toBeLessThan(1);
    expect(same?.confidence95[1]).toBeGreaterThan(1);
  });

  it("says nothing about two samples", () => {
    expect(ratio([1, 2], [1, 2, 3])).toBeUndefined();
  });
});

describe("summarizeLatency", () => {
  it("counts every interval, stragglers in the last bin", () => {
    const found = summarizeLatency([...Array.from({ length: 199 }, () => 10), 500]);
    expect(found).toMatchObject({ count: 200, p50: 10, p95: 10, max: 500 });
    expect(found?.histogram.counts.reduce((sum, one) => sum + one, 0)).toBe(200);
    expect(found?.histogram.counts.at(-1)).toBe(1);
  });

  it("is null without intervals", () => {
    expect(summarizeLatency([])).toBeNull();
  });
});
