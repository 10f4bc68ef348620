import { expect, it } from "vitest";
import { importPage } from "../../support/page-modules.ts";

const { nearest, niceTicks, timeTicks, unbroken } = await importPage<{
  niceTicks(highest: number): readonly number[];
  timeTicks(from: number, to: number, most: number, offset: number): readonly number[];
  unbroken(points: readonly { x: number; y: number | null }[]): readonly (readonly object[])[];
  nearest(values: readonly number[], wanted: number): number;
}>("monitor/scale.js");
const format = await importPage<{
  duration(ms: number): string;
  bytes(value: number): string;
  percent(share: number): string;
  dayGroup(time: number, now: number): string;
}>("lib/format.js");

it("axes have few round steps that reach the highest value", () => {
  expect(niceTicks(1)).toEqual([0, 0.5, 1]);
  expect(niceTicks(100)).toEqual([0, 50, 100]);
  expect(niceTicks(37)).toEqual([0, 20, 40]);
  for (let value = 0.001; value < 1e12; value *= 1.7) {
    const ticks = niceTicks(value);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(value * 0.999999);
    expect(ticks.length).toBeGreaterThan(1);
    expect(ticks.length).toBeLessThan(6);
  }
});

it("times stand on the round minutes of the wall's clock", () => {
  expect(timeTicks(1000, 1900, 4, 0)).toEqual([1200, 1500, 1800]);
  const india = 5.5 * 3600;
  const [first = 0] = timeTicks(100_000, 186_400, 5, india);
  expect((first + india) % (6 * 3600)).toBe(0);
});

it("lines break where nothing was measured", () => {
  const points = [1, 2, null, Number.NaN, 3].map((y, x) => ({ x, y }));
  expect(unbroken(points)).toEqual([
    [
      { x: 0, y: 1 },
      { x: 1, y: 2 },
    ],
    [{ x: 4, y: 3 }],
  ]);
  expect(unbroken([{ x: 0, y: null }])).toEqual([]);
});

it("the nearest moment is picked", () => {
  expect(nearest([10, 20, 30], 24)).toBe(1);
  expect(nearest([10, 20, 30], 999)).toBe(2);
  expect(nearest([10], -1)).toBe(0);
});

it("figures are short", () => {
  expect([0.4, 999, 1234, 59_940, 65_000].map(format.duration)).toEqual([
    ...["0 ms", "999 ms", "1.23 s", "59.9 s", "1 min 5 s"],
  ]);
  expect([0, 999, 1e6, 1.5e9].map(format.bytes)).toEqual(["0 B", "999 B", "1 MB", "1.5 GB"]);
  expect([0, 0.0123, 1].map(format.percent)).toEqual(["0 %", "1.23 %", "100 %"]);
});

it("conversations are grouped by the days of the wall's calendar", () => {
  const now = new Date(2026, 4, 10, 0, 30).getTime();
  const at = (...date: [number, number, number]) => new Date(...date).getTime();
  expect(format.dayGroup(now - 60_000, now)).toBe("Today");
  expect(format.dayGroup(at(2026, 4, 9), now)).toBe("Yesterday");
  expect(format.dayGroup(at(2026, 4, 4), now)).toBe("Last seven days");
  expect(format.dayGroup(at(2026, 3, 1), now)).toBe("Earlier");
});
