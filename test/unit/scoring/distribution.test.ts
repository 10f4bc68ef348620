import { describe, expect, it } from "vitest";
import { divergence, logSumExp, lossOf } from "../../../src/scoring/distribution.ts";
import { RunningMean } from "../../../src/scoring/mean.ts";
import { klDivergence, logSoftmax } from "../../support/compare.ts";
import { seededRandom } from "../../support/random.ts";

const WIDTH = 300;
const random = seededRandom(3);
const logits = (n: number) =>
  Float32Array.from({ length: n * WIDTH }, () => random(4000) / 100 - 20);
const row = (values: Float32Array, index: number) => ({ logits: values, row: index, width: WIDTH });

describe("losses", () => {
  it("are -log of the softmax", () => {
    const values = logits(3);
    for (const index of [0, 1, 2]) {
      const expected = logSoftmax(values.subarray(index * WIDTH, (index + 1) * WIDTH));
      for (const token of [0, 7, WIDTH - 1]) {
        expect(lossOf(row(values, index), token)).toBeCloseTo(-(expected[token] ?? 0), 10);
      }
    }
  });

  it("do not overflow, whatever the logits", () => {
    const values = Float32Array.from([1e4, 1e4, -3e38]);
    const wide = { logits: values, row: 0, width: 3 };
    expect(lossOf(wide, 0)).toBeCloseTo(Math.log(2), 10);
    expect(logSumExp({ logits: Float32Array.of(-1000, -1000), row: 0, width: 2 })).toBeCloseTo(
      -1000 + Math.log(2),
      10,
    );
  });

  it("of a forbidden token are infinite, of NaN logits NaN", () => {
    const values = Float32Array.from([0, Number.NEGATIVE_INFINITY]);
    expect(lossOf({ logits: values, row: 0, width: 2 }, 1)).toBe(Number.POSITIVE_INFINITY);
    const broken = Float32Array.from([0, Number.NaN]);
    expect(lossOf({ logits: broken, row: 0, width: 2 }, 0)).toBeNaN();
  });
});

describe("divergence", () => {
  it("is that of plain sums over probabilities", () => {
    const [p, q] = [logits(2), logits(2)];
    const found = divergence(row(p, 1), row(q, 1), 5);
    const [a, b] = [p.subarray(WIDTH), q.subarray(WIDTH)];
    expect(found.kl).toBeCloseTo(klDivergence(a, b), 10);
    expect(found.referenceLoss).toBeCloseTo(lossOf(row(p, 1), 5), 12);
    expect(found.otherLoss).toBeCloseTo(lossOf(row(q, 1), 5), 12);
    const [logA, logB] = [logSoftmax(a), logSoftmax(b)];
    const shifts = Array.from(logA, (x, i) => Math.abs(Math.exp(x) - Math.exp(logB[i] ?? 0)));
    expect(found.maxShift).toBeCloseTo(Math.max(...shifts), 12);
    expect(found.sameTop).toBe(logA.indexOf(Math.max(...logA)) === logB.indexOf(Math.max(...logB)));
  });

  it("is exactly nothing between equals", () => {
    const p = logits(1);
    expect(divergence(row(p, 0), row(p.slice(), 0), 0)).toMatchObject({
      kl: 0,
      maxShift: 0,
      sameTop: true,
    });
  });

  it("does not break where a probability is 0", () => {
    const p = { logits: Float32Array.from([0, -2000]), row: 0, width: 2 };
    const q = { logits: Float32Array.from([0, -3000]), row: 0, width: 2 };
    expect(divergence(p, q, 0).kl).toBe(0);
    expect(divergence(q, { ...p, logits: Float32Array.from([-3000, 0]) }, 0).kl).toBe(3000);
  });
});

describe("running means", () => {
  it("have the mean, the maximum and the error of a textbook", () => {
    const values = Array.from({ length: 100 }, () => 1e6 + random(1000) / 100);
    const mean = new RunningMean();
    for (const value of values) mean.add(value);
    const expected = values.reduce((sum, x) => sum + x) / 100;
    const variance = values.reduce((sum, x) => sum + (x - expected) ** 2, 0) / 99;
    expect(mean.count).toBe(100);
    expect(mean.mean).toBeCloseTo(expected, 6);
    expect(mean.max).toBe(Math.max(...values));
    expect(mean.standardError).toBeCloseTo(Math.sqrt(variance / 100), 9);
  });

  it("of nothing and of one value have no error", () => {
    const mean = new RunningMean();
    expect([mean.mean, mean.standardError]).toEqual([0, 0]);
    mean.add(3);
    expect([mean.mean, mean.standardError]).toEqual([3, 0]);
  });
});
