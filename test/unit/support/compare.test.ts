import { expect, it } from "vitest";
import { argmax, deviation, klDivergence, logSoftmax } from "../../support/compare.ts";
import { splitEvery, splitRandomly } from "../../support/splits.ts";

const P = Float64Array.of(Math.log(0.5), Math.log(0.25), Math.log(0.25));
const Q = Float64Array.of(Math.log(0.25), Math.log(0.5), Math.log(0.25));

it("measures Kullback-Leibler divergence in nats, whatever is added to the logits", () => {
  const expected = 0.5 * Math.log(2) + 0.25 * Math.log(0.5);
  expect(klDivergence(P, Q)).toBeCloseTo(expected, 12);
  expect(
    klDivergence(
      P.map((x) => x + 700),
      Q.map((x) => x - 700),
    ),
  ).toBeCloseTo(expected, 12);
  expect(klDivergence(P, P)).toBe(0);
});

it("normalises", () => {
  expect([...logSoftmax(Float32Array.of(0, 0))]).toEqual([-Math.log(2), -Math.log(2)]);
  expect(argmax(Float64Array.of(1, 3, 3))).toBe(1);
});

it("summarises over positions", () => {
  const found = deviation([P, P], [P, Q]);
  expect(found.maxAbs).toBeCloseTo(Math.log(2), 12);
  expect(found.klMean).toBeCloseTo(found.klMax / 2, 12);
  expect(found.top1).toBe(0.5);
});

it("lets nothing pass that is not a number, or not there", () => {
  const bad = Float64Array.of(Number.NaN, 0, 0);
  expect(deviation([P, P], [bad, P]).maxAbs).toBeNaN();
  expect(deviation([P, P], [bad, P]).klMax).toBeNaN();
  expect(() => deviation([P, P], [P])).toThrow();
  expect(() => deviation([], [])).toThrow();
  expect(() => deviation([P], [P.slice(1)])).toThrow();
});

it("splits without losing anything", () => {
  const items = Array.from({ length: 100 }, (_, i) => i);
  expect(splitEvery(items, 7).flat()).toEqual(items);
  expect(splitEvery(items, 7).map((piece) => piece.length)).toEqual([...Array(14).fill(7), 2]);
  expect(splitRandomly(items, 9, 1).flat()).toEqual(items);
  expect(splitRandomly(items, 9, 1)).toEqual(splitRandomly(items, 9, 1));
  expect(splitRandomly(items, 9, 1)).not.toEqual(splitRandomly(items, 9, 2));
});
