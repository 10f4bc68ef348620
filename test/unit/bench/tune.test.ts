import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Choice,
  type SearchSpace,
  type Speeds,
  searchTuning,
  threadCandidates,
} from "../../../src/bench/tune/search.ts";
import { findTuning, storeTuning } from "../../../src/bench/tune/store.ts";

const DEFAULTS: Choice = { threads: 2, batchSize: 512, kernel: "avx512vnni" };
const SPACE: SearchSpace = {
  defaults: DEFAULTS,
  kernels: ["avx512vnni", "avx2"],
  threads: [1, 2, 4],
  batchSizes: [64, 512],
};

/** A machine whose speeds are given, without scatter beyond a thousandth. */
function machine(speedOf: (choice: Choice) => number) {
  const asked: { choices: readonly Choice[]; repetitions: number }[] = [];
  const measure = async (choices: readonly Choice[], repetitions: number) => {
    asked.push({ choices, repetitions });
    return choices.map((choice): Speeds => {
      const speeds = Array.from({ length: repetitions }, (_, i) => {
        return speedOf(choice) * (1 + (i % 3) / 1000);
      });
      return { prompt: speeds.map((speed) => speed * 4), generation: speeds };
    });
  };
  return { asked, measure };
}

describe("searchTuning", () => {
  it("keeps the best of each setting for the next, and compares with the defaults at the end", async () => {
    const { asked, measure } = machine(({ threads, batchSize, kernel }) => {
      return threads * (kernel === "avx2" ? 1.2 : 1) * (batchSize === 64 ? 1.1 : 1);
    });
    const { tuned, gain, stages } = await searchTuning(SPACE, 3, measure);
    expect(tuned).toEqual({ threads: 4, batchSize: 64, kernel: "avx2" });
    expect(gain?.turn).toBeCloseTo(2 * 1.2 * 1.1, 2);
    expect(stages.map(({ setting }) => setting)).toEqual(["kernel", "threads", "batchSize"]);
    expect(asked[1]?.choices.map(({ kernel }) => kernel)).toEqual(["avx2", "avx2", "avx2"]);
    expect(asked.at(-1)).toEqual({
      choices: [{ threads: 4, batchSize: 64, kernel: "avx2" }, DEFAULTS],
      repetitions: 5,
    });
  });

  it("finds nothing where the defaults are best, and measures no more", async () => {
    const { asked, measure } = machine(({ threads }) => (threads === 2 ? 10 : 9));
    expect(await searchTuning(SPACE, 3, measure)).toMatchObject({
      best: DEFAULTS,
      gain: null,
      tuned: undefined,
    });
    expect(asked).toHaveLength(3);
  });

  it("does not leave the defaults for a percent", async () => {
    const { measure } = machine(({ threads }) => (threads === 4 ? 10.1 : 10));
    expect((await searchTuning(SPACE, 3, measure)).best).toEqual(DEFAULTS);
  });

  it("does not believe luck: the last comparison decides", async () => {
    const { asked, measure } = machine(({ threads }): number => {
      const luckyStage = 2;
      return threads === 4 && asked.length === luckyStage ? 20 : 10;
    });
    const { best, tuned, gain } = await searchTuning(SPACE, 3, measure);
    expect(best.threads).toBe(4);
    expect(gain?.turn).toBeCloseTo(1, 2);
    expect(tuned).toBeUndefined();
  });

  it("tries no setting that has one value", async () => {
    const { asked, measure } = machine(() => 1);
    await searchTuning({ ...SPACE, kernels: ["avx2"], batchSizes: [512] }, 3, measure);
    expect(asked).toHaveLength(1);
  });
});

it("threads worth a trial are few and never more than there are CPUs", () => {
  expect(threadCandidates(2, 2)).toEqual([1, 2]);
  expect(threadCandidates(6, 12)).toEqual([1, 2, 4, 5, 6, 8, 12].slice(-6));
  expect(threadCandidates(1, 1)).toEqual([1]);
  expect(threadCandidates(64, 128)).toEqual([8, 16, 32, 63, 64, 128]);
});

describe("the store", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bitnet-tune-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("keeps one tuning for each CPU and shape", () => {
    const path = join(folder, "state/tuned.json");
    const tuning = { threads: 4, batchSize: 64, kernel: "avx2", gain: 1.3, date: "2026-01-01" };
    expect(findTuning(path, "cpu", "a")).toBeUndefined();
    storeTuning(path, "cpu", "a", tuning);
    storeTuning(path, "cpu", "b", { ...tuning, threads: 1 });
    storeTuning(path, "another", "a", { ...tuning, threads: 8 });
    expect(findTuning(path, "cpu", "a")).toEqual(tuning);
    expect(findTuning(path, "another", "a")?.threads).toBe(8);
    storeTuning(path, "cpu", "a", undefined);
    expect(findTuning(path, "cpu", "a")).toBeUndefined();
    expect(findTuning(path, "cpu", "b")?.threads).toBe(1);
    expect(readdirSync(join(folder, "state"))).toEqual(["tuned.json"]);
  });

  it.each([
    "",
    "null",
    "{}",
    '{"schema":"bitnet-tuned/2","tunings":{}}',
    '{"schema":"bitnet-tuned/1","tunings":{"cpu":{"a":{"threads":0,"batchSize":1,"kernel":"x"}}}}',
    '{"schema":"bitnet-tuned/1","tunings":{"cpu":{"a":{"threads":"2","batchSize":1,"kernel":"x"}}}}',
  ])("takes %j for nothing", (text) => {
    const path = join(folder, "tuned.json");
    writeFileSync(path, text);
    expect(findTuning(path, "cpu", "a")).toBeUndefined();
  });
});
