import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AddonModel } from "../../src/engine/binding.ts";
import { type Deviation, deviation, rowsOf } from "../support/compare.ts";
import {
  evaluateAll,
  FORMS_OF_A,
  type GoldenModel,
  generate,
  loadGolden,
} from "../support/engine.ts";
import { type GoldenSequence, goldenPath, goldenSequences } from "../support/golden.ts";
import { referenceModel } from "../support/reference.ts";

const VOCAB_SIZE = 512;
const FORMS = Object.keys(FORMS_OF_A) as GoldenModel[];
const SEQUENCES = goldenSequences("a");
const reference = referenceModel(goldenPath("models/a-packed"));
/** Reference logits of every position; the recorded files hold only the last of long sequences. */
const REFERENCE = new Map(SEQUENCES.map(({ ids }) => [ids, reference.logits(ids)]));

async function logitsOf(model: AddonModel, ids: readonly number[]): Promise<Float32Array[]> {
  return rowsOf(await evaluateAll(model, [ids]), VOCAB_SIZE);
}

/** Greedy steps before the first at which the two likeliest tokens are closer than `margin`. */
function certainSteps({ greedyMargins }: GoldenSequence, margin: number): number {
  const uncertain = greedyMargins.findIndex((m) => m < margin);
  return uncertain < 0 ? greedyMargins.length : uncertain;
}

async function expectGreedy(
  model: AddonModel,
  sequence: GoldenSequence,
  margin: number,
): Promise<void> {
  const { tokens } = await generate(model, sequence.ids, { maxTokens: sequence.greedy.length });
  const certain = certainSteps(sequence, margin);
  expect(tokens).toHaveLength(sequence.greedy.length);
  expect(tokens.slice(0, certain)).toEqual(sequence.greedy.slice(0, certain));
}

// Bounds of test/golden/README.md, "Expected agreement".
describe.each(FORMS)("%s with f32 KV", (form) => {
  let model: AddonModel;
  beforeAll(async () => {
    model = await loadGolden(form, { kvType: "f32" });
  });
  afterAll(() => model.close());

  it.each(SEQUENCES.map((s) => [s.ids.length, s] as const))(
    "gives the reference's logits for %i tokens",
    async (_, { ids, logits: recorded, positions }) => {
      const logits = await logitsOf(model, ids);
      expect(deviation(REFERENCE.get(ids) ?? [], logits).maxAbs).toBeLessThan(1e-3);
      const compared = positions === "all" ? logits : logits.slice(-1);
      expect(deviation(recorded, compared).maxAbs).toBeLessThan(1e-3);
    },
  );

  it("gives the last position alone when asked for it", async () => {
    const ids = SEQUENCES[3]?.ids ?? [];
    const sequence = model.createSequence(ids.length);
    const last = await sequence.evaluate(Int32Array.from(ids), "last");
    expect(last).toEqual((await logitsOf(model, ids)).at(-1));
    sequence.close();
  });

  it.each(SEQUENCES.map((s) => [s.ids.length, s] as const))(
    "continues %i tokens greedily as the reference does",
    (_, sequence) => expectGreedy(model, sequence, 0.2),
  );
});

describe.each(FORMS)("%s with f16 KV", (form) => {
  let model: AddonModel;
  beforeAll(async () => {
    model = await loadGolden(form, { kvType: "f16" });
  });
  afterAll(() => model.close());

  it("stays near the reference over all positions", async () => {
    const expected: Float64Array[] = [];
    const actual: Float32Array[] = [];
    for (const { ids } of SEQUENCES) {
      expected.push(...(REFERENCE.get(ids) ?? []));
      actual.push(...(await logitsOf(model, ids)));
    }
    const found: Deviation = deviation(expected, actual);
    expect(found.maxAbs).toBeLessThanOrEqual(1.0);
    expect(found.klMax).toBeLessThanOrEqual(0.04);
    expect(found.klMean).toBeLessThanOrEqual(0.01);
    expect(found.top1).toBeGreaterThanOrEqual(0.9);
  });

  it.each(SEQUENCES.map((s) => [s.ids.length, s] as const))(
    "continues %i tokens greedily where the reference is sure",
    (_, sequence) => expectGreedy(model, sequence, 0.5),
  );
});
