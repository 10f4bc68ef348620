import { describe, expect, it } from "vitest";
import { importScript } from "../../support/run-script.ts";

interface Summary {
  median: number;
  min: number;
  max: number;
}
interface Parsed {
  rates: { prompt?: number; gen?: number };
  row: Record<string, unknown>;
}
const { summarise, ratioOf, parseBench } = await importScript<{
  summarise(samples: readonly number[]): Summary;
  ratioOf(ours: readonly number[], theirs: readonly number[]): number | undefined;
  parseBench(output: string, wanted: { nPrompt: number; nGen: number }): Parsed;
}>("lib/rates.mjs");

describe("summarise", () => {
  it("takes the middle, or the mean of the two in the middle", () => {
    expect(summarise([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(summarise([4, 1, 2, 3]).median).toBe(2.5);
  });

  it("refuses to summarise nothing", () => {
    expect(() => summarise([])).toThrow("nothing was measured");
  });
});

describe("ratioOf", () => {
  it("divides medians", () => {
    expect(ratioOf([30, 31, 29], [10, 10.5, 9.5])).toBe(3);
    expect(ratioOf([10, 10.5, 9.5], [30, 31, 29])).toBeCloseTo(1 / 3);
  });

  it("is silent when passes scatter as much as the two differ", () => {
    expect(ratioOf([30, 40, 20], [10, 10, 10])).toBeUndefined();
    expect(ratioOf([30, 30, 30], [10, 35, 10])).toBeUndefined();
  });

  it("is silent on a single pass, whose scatter nobody knows", () => {
    expect(ratioOf([30], [10, 10])).toBeUndefined();
    expect(ratioOf([30, 30], [10])).toBeUndefined();
  });
});

describe("parseBench", () => {
  const pp = { build_commit: "abc", n_prompt: 512, n_gen: 0, avg_ts: 80.5 };
  const tg = { build_commit: "abc", n_prompt: 0, n_gen: 128, avg_ts: 20.25 };
  const wanted = { nPrompt: 512, nGen: 128 };

  it("reads a JSON array behind other output", () => {
    const { rates, row } = parseBench(
      `loading ...\n${JSON.stringify([pp, tg], null, 2)}\n`,
      wanted,
    );
    expect(rates).toEqual({ prompt: 80.5, gen: 20.25 });
    expect(row["build_commit"]).toBe("abc");
  });

  it("reads JSON lines", () => {
    const { rates } = parseBench(`${JSON.stringify(pp)}\n${JSON.stringify(tg)}\n`, wanted);
    expect(rates).toEqual({ prompt: 80.5, gen: 20.25 });
  });

  it("takes the rows that were asked for", () => {
    const other = { n_prompt: 64, n_gen: 0, avg_ts: 1 };
    expect(parseBench(JSON.stringify([other, tg]), wanted).rates).toEqual({ gen: 20.25 });
    const deep = { n_prompt: 3500, n_gen: 128, avg_ts: 7 };
    expect(parseBench(JSON.stringify([deep]), { nPrompt: 0, nGen: 128 }).rates).toEqual({ gen: 7 });
  });

  it("refuses output without a measurement", () => {
    expect(() => parseBench("error: no such model\n", wanted)).toThrow("holds no measurement");
  });
});
