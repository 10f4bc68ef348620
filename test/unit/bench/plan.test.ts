import { describe, expect, it } from "vitest";
import { type Lists, planBench, positionsOf, testName, turns } from "../../../src/bench/plan.ts";

const LISTS: Lists = {
  models: ["a.gguf"],
  kernels: ["avx2"],
  threads: [1],
  batchSizes: [512],
  kvTypes: ["f16"],
  weights: ["fast"],
  nPrompt: [512],
  nGen: [128],
  depths: [0],
  activations: "int8",
  mmap: false,
};

describe("planBench", () => {
  it("measures every combination of the lists", () => {
    const { setups, tests } = planBench({
      ...LISTS,
      models: ["a.gguf", "b.gguf"],
      threads: [1, 2],
      kernels: ["avx2", "scalar"],
      nPrompt: [64, 0],
      depths: [0, 1000],
    });
    expect(setups).toHaveLength(8);
    expect(new Set(setups.map((one) => JSON.stringify(one))).size).toBe(8);
    expect(tests.map(testName)).toEqual(["pp64", "tg128", "pp64 @ d1000", "tg128 @ d1000"]);
  });

  it("has no tests of nothing", () => {
    expect(planBench({ ...LISTS, nPrompt: [0], nGen: [0] }).tests).toEqual([]);
  });
});

it("the context must hold depth and tokens, but not the last one", () => {
  expect(positionsOf({ kind: "prompt", tokens: 512, depth: 100 })).toBe(612);
  expect(positionsOf({ kind: "generate", tokens: 128, depth: 0 })).toBe(129);
  expect(positionsOf({ kind: "generate", tokens: 128, depth: 100 })).toBe(228);
});

it("every setup begins a round once", () => {
  const rounds = [0, 1, 2, 3].map((round) => turns(["a", "b", "c"], round).join(""));
  expect(rounds).toEqual(["abc", "bca", "cab", "abc"]);
  expect(turns([], 1)).toEqual([]);
});
