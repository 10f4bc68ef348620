import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type SearchLimits, searchTuning } from "../../../src/bench/tune/search.ts";
import { type Choice, type SearchSpace, threadCandidates } from "../../../src/bench/tune/space.ts";
import { findTuning, storeTuning } from "../../../src/bench/tune/store.ts";

const DEFAULTS: Choice = { threads: 2, batchSize: 512, kernel: "avx512vnni" };
const SPACE: SearchSpace = {
  defaults: DEFAULTS,
  kernels: ["avx512vnni", "avx2"],
  threads: [1, 2, 4],
  batchSizes: [64, 512],
};

/** A machine whose speeds are given, without scatter beyond a thousandth; a measurement takes a
 *  second. */
function machine(speedOf: (choice: Choice) => number) {
  const asked: Choice[] = [];
  const measure = async (choice: Choice) => {
    const speed = speedOf(choice) * (1 + (asked.length % 3) / 1000);
    asked.push(choice);
    return { prompt: speed * 4, generation: speed };
  };
  return { asked, measure, clock: () => asked.length };
}

function limits(clock: () => number, seconds = 1000): SearchLimits {
  return { passes: 3, seconds, clock };
}

describe("searchTuning", () => {
  it("keeps the best of each setting for the next, and compares with the defaults at the end", async () => {
    const { asked, measure, clock } = machine(({ threads, batchSize, kernel }) => {
      return threads * (kernel === "avx2" ? 1.2 : 1) * (batchSize === 64 ? 1.1 : 1);
    });
    const { tuned, gain, stages } = await searchTuning(SPACE, limits(clock), measure);
    const best = { threads: 4, batchSize: 64, kernel: "avx2" };
    expect(tuned).toEqual(best);
    expect(gain?.turn).toBeCloseTo(2 * 1.2 * 1.1, 2);
    expect(stages.map(({ setting }) => setting)).toEqual(["threads", "kernel", "batchSize"]);
    const ofKernels = stages[1]?.trials.map(({ choice }) => choice.threads);
    expect(ofKernels).toEqual([4, 4]);
    const pairs = Array.from({ length: 5 }, () => [best, DEFAULTS]);
    expect(asked.slice(-10)).toEqual(pairs.flat());
  });

  it("finds nothing where the defaults are best, and measures no more", async () => {
    const { asked, measure, clock } = machine(({ threads }) => (threads === 2 ? 10 : 9));
    expect(await searchTuning(SPACE, limits(clock), measure)).toMatchObject({
      best: DEFAULTS,
      gain: null,
      tuned: undefined,
    });
    expect(asked.length).toBeLessThanOrEqual(3 * (3 + 2 + 2));
  });

  it("measures what is hopeless once, and nothing beyond it", async () => {
    const { measure, clock } = machine(({ threads }) => threads);
    const threads = [8, 4, 16, 2, 1];
    const space = { ...SPACE, threads, defaults: { ...DEFAULTS, threads: 8 } };
    const { stages } = await searchTuning(space, limits(clock), measure);
    const passes = stages[0]?.trials.map(({ choice, passes: n }) => [choice.threads, n]);
    expect(passes).toEqual([
      [8, 1],
      [4, 1],
      [16, 1],
    ]);
    expect(stages[0]?.untried).toEqual([2, 1]);
  });

  it("keeps to its time, but for the likeliest values and the last comparison", async () => {
    const { asked, measure, clock } = machine(({ threads }) => (threads === 1 ? 20 : 10));
    const { stages, tuned } = await searchTuning(SPACE, limits(clock, 5), measure);
    expect(stages.map(({ trials }) => trials.length)).toEqual([2, 2, 2]);
    expect(stages[0]?.untried).toEqual([4]);
    expect(tuned).toEqual({ ...DEFAULTS, threads: 1 });
    expect(asked).toHaveLength(3 * 2 + 2 * 3);
  });

  it("does not leave the defaults for a percent", async () => {
    const { measure, clock } = machine(({ threads }) => (threads === 4 ? 10.1 : 10));
    expect((await searchTuning(SPACE, limits(clock), measure)).best).toEqual(DEFAULTS);
  });

  it("does not believe luck: the last comparison decides", async () => {
    const { asked, measure, clock } = machine(({ threads }): number => {
      const isTrial = asked.length < SPACE.threads.length;
      return threads === 4 && isTrial ? 20 : 10;
    });
    const one = { ...SPACE, kernels: ["avx512vnni"], batchSizes: [512] };
    const { best, tuned, gain } = await searchTuning(one, { ...limits(clock), passes: 1 }, measure);
    expect(asked).toHaveLength(3 + 10);
    expect(best.threads).toBe(4);
    expect(gain?.turn).toBeCloseTo(1, 2);
    expect(tuned).toBeUndefined();
  });

  it("tries no setting that has one value", async () => {
    const { asked, measure, clock } = machine(() => 1);
    await searchTuning({ ...SPACE, kernels: ["avx2"], batchSizes: [512] }, limits(clock), measure);
    expect(new Set(asked.map(({ threads }) => threads))).toEqual(new Set(SPACE.threads));
    expect(new Set(asked.map(({ batchSize }) => batchSize))).toEqual(new Set([512]));
  });
});

it("threads worth a trial are few and never more than there are CPUs", () => {
  expect(threadCandidates(2, 2)).toEqual([2, 1]);
  expect(threadCandidates(6, 12)).toEqual([6, 5, 8, 4, 12, 2]);
  expect(threadCandidates(1, 1)).toEqual([1]);
  expect(threadCandidates(64, 128)).toEqual([64, 63, 32, 128, 16, 8]);
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
