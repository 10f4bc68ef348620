import { describe, expect, it } from "vitest";
import { argmax, deviation, maxAbsDifference } from "../../support/compare.ts";
import {
  goldenEmbeddings,
  goldenModel,
  goldenPath,
  goldenSequences,
  readGoldenJson,
} from "../../support/golden.ts";
import { npyRows, readNpy } from "../../support/npy.ts";
import { referenceModel } from "../../support/reference.ts";
import { roundHalfEven } from "../../support/reference-numbers.ts";
import type { GraphOptions } from "../../support/reference-ops.ts";

// The reference is itself checked, against numbers that another program (NumPy, float64) recorded.
describe.each(["a-packed", "a-master-bf16"])("reference of %s", (name) => {
  const model = referenceModel(goldenPath(`models/${name}`));

  it.each(goldenSequences("a").map((s) => [s.ids.length, s] as const))(
    "reproduces the recorded logits of %i tokens",
    (_, sequence) => {
      const logits = model.logits(sequence.ids);
      const compared = sequence.positions === "all" ? logits : logits.slice(-1);
      expect(deviation(sequence.logits, compared).maxAbs).toBeLessThan(1e-5);
      expect(logits.map(argmax)).toEqual(sequence.argmax);
    },
  );

  it.each(goldenSequences("a").map((s) => [s.ids.length, s] as const))(
    "continues %i tokens greedily as recorded",
    (_, sequence) => {
      const { tokens, margins } = model.greedy(sequence.ids, sequence.greedy.length);
      expect(tokens).toEqual(sequence.greedy);
      for (const [i, margin] of margins.entries()) {
        expect(margin).toBeCloseTo(sequence.greedyMargins[i] ?? Number.NaN, 5);
      }
    },
  );
});

/** What the golden data calls them. */
const ACTIVATIONS = { none: "none", q8_0: "blocks", token: "token" } as const;

// The other graphs: SiLU and K that fills no whole group (b, b2), a divisor as scale (c, c2), group
// scales with head norms and float inputs (d), and with YaRN (d-yarn).
describe.each([
  ["b", "models/b", "default", "config.json"],
  ["b2", "models/b2", "default", "config.json"],
  ["c", "models/c", "default", "config.json"],
  ["c2", "models/c2", "default", "config.json"],
  ["d", "models/d", "none", "config.json"],
  ["d", "models/d", "q8_0", "config.json"],
  ["d", "models/d", "token", "config.json"],
  ["d-yarn", "models/d", "none", "config.yarn.json"],
] as const)("reference of %s", (name, folder, kind, config) => {
  const overrides = kind === "default" ? {} : { activations: ACTIVATIONS[kind] };
  const model = referenceModel(goldenModel(folder), overrides, new Map(), config);

  it.each(goldenSequences(name, kind).map((s) => [s.ids.length, s] as const))(
    "reproduces the recorded logits of %i tokens",
    (_, sequence) => {
      const logits = model.logits(sequence.ids);
      const compared = sequence.positions === "all" ? logits : logits.slice(-1);
      expect(deviation(sequence.logits, compared).maxAbs).toBeLessThan(2e-5);
      expect(logits.map(argmax)).toEqual(sequence.argmax);
    },
  );
});

// Gemma's graph: norms after the blocks, scaled embeddings; by transformers in single precision.
it("reference of gemma3 reproduces what transformers computed", () => {
  const { ids } = readGoldenJson<{ ids: number[] }>("gemma3/logits.json");
  const model = referenceModel(goldenModel("gemma3/model"));
  const recorded = (name: string) => npyRows(readNpy(goldenPath(`gemma3/${name}.npy`)));
  expect(deviation(recorded("logits"), model.logits(ids)).maxAbs).toBeLessThan(2e-5);
  expect(deviation(recorded("hidden"), model.hidden(ids)).maxAbs).toBeLessThan(2e-5);
});

// A norm in front of every projection.
it("reference of e reproduces the recorded embeddings", () => {
  const model = referenceModel(goldenModel("models/e"));
  for (const { ids, embedding } of goldenEmbeddings()) {
    const last = model.hidden(ids).at(-1) ?? new Float64Array();
    const length = Math.hypot(...last);
    expect(
      maxAbsDifference(
        embedding,
        last.map((v) => v / length),
      ),
    ).toBeLessThan(1e-6);
  }
});

interface Mistakes {
  readonly ids: number[];
  readonly mistakes: Record<string, { max_abs: number; kl_max: number }>;
}

// Its options too: each typical mistake leads where the other program was led by it.
const MISTAKES: readonly (readonly [name: string, overrides: Partial<GraphOptions>])[] = [
  ["silu instead of relu^2", { activation: "silu" }],
  ["adjacent-pair rope on unpermuted rows", { rope: "neighbours" }],
  ["weight_scale divided instead of multiplied", { scaleRule: "divide" }],
  ["no activation quantisation", { activations: "none" }],
  ["sub-norms skipped", { subNorms: false }],
  ["eps 1e-6 instead of 1e-5", { eps: 1e-6 }],
  ["theta 10000", { theta: 10000 }],
];

describe("mistakes", () => {
  const { ids, mistakes } = readGoldenJson<Mistakes>("logits/a.mistakes.json");
  const dir = goldenPath("models/a-packed");
  const right = referenceModel(dir).logits(ids);

  it.each(MISTAKES)("%s", (name, overrides) => {
    const wrong = deviation(right, referenceModel(dir, overrides).logits(ids));
    expect(wrong.maxAbs).toBeCloseTo(mistakes[name]?.max_abs ?? Number.NaN, 4);
    expect(wrong.klMax).toBeCloseTo(mistakes[name]?.kl_max ?? Number.NaN, 4);
  });
});

it("rounds halves to even", () => {
  const inputs = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, -1.2, 1.7];
  expect(inputs.map((x) => roundHalfEven(x) + 0)).toEqual([-2, -2, 0, 0, 2, 2, 0, -1, 2]);
});
