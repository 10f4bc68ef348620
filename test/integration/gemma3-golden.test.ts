import { expect, it } from "vitest";
import { bitsOf, deviation, rowsOf } from "../support/compare.ts";
import { convertTo } from "../support/converted.ts";
import { type EvaluateOptions, evaluate } from "../support/evaluate.ts";
import { goldenModel, goldenPath, readGoldenJson } from "../support/golden.ts";
import { npyRows, readNpy } from "../support/npy.ts";

// Gemma's graph, by a second program: transformers, with the same weights and inputs as they are. The norms
// in front of BitNet's projections are not in it; the tests of families have those.

const { ids } = readGoldenJson<{ ids: number[] }>("gemma3/logits.json");
const recorded = (name: string) => npyRows(readNpy(goldenPath(`gemma3/${name}.npy`)));
const MODEL = goldenModel("gemma3/model");
const VOCAB_SIZE = 256;
const WIDTH = 128;

async function rows(path: string, width: number, options: EvaluateOptions = {}) {
  return rowsOf(await evaluate(path, ids, { activations: "none", ...options }), width);
}

it("logits and last states are those of transformers", async () => {
  expect(deviation(recorded("logits"), await rows(MODEL, VOCAB_SIZE)).maxAbs).toBeLessThan(1e-3);
  const states = await rows(MODEL, WIDTH, { which: "hidden" });
  expect(deviation(recorded("hidden"), states).maxAbs).toBeLessThan(1e-3);
});

it("a converted file computes the same bits", async () => {
  const expected = bitsOf(await evaluate(MODEL, ids, { activations: "none" }));
  for (const outtype of ["q2_0", "f16"] as const) {
    const { output, loss } = await convertTo(MODEL, { outtype, verify: true });
    expect(loss).toBeUndefined();
    const found = bitsOf(await evaluate(output, ids, { activations: "none" }));
    expect(found.equals(expected)).toBe(true);
  }
});
