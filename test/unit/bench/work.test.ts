import { expect, it } from "vitest";
import { workFacts, workOf } from "../../../src/bench/work.ts";
import type { ModelSource, TensorSource } from "../../../src/checkpoint/source.ts";
import type { AddonHparams } from "../../../src/engine/binding.ts";

const tensor = (name: string, encoding: TensorSource["encoding"], rows: number, cols: number) => ({
  ...{ name, encoding, rows, cols, file: 0, offset: 0 },
  bytes: encoding === "i2_s" ? (rows * cols) / 4 + 32 : rows * cols * 2,
});
const HPARAMS = { nLayers: 2, nKvHeads: 2, headDim: 64 } as AddonHparams;
const LAYER = tensor("blk.0.attn_q.weight", "i2_s", 256, 256);
const EMBEDDING = tensor("token_embd.weight", "f16", 1000, 256);
const NORM = tensor("blk.0.attn_norm.weight", "f32", 1, 256);

function factsOf(tensors: readonly TensorSource[], weights: "fast" | "compact" = "fast") {
  return workFacts({ tensors } as ModelSource, HPARAMS, { kvType: "f16", weights });
}

it("a tied embedding is the head: its bytes are read for every token", () => {
  expect(factsOf([EMBEDDING, LAYER, NORM])).toEqual({
    // 2 bits a weight and a float a row; 34 bytes for 32 weights and two floats a row.
    weightBytes: 256 * 64 + 256 * 4 + 1000 * (8 * 34 + 8),
    layerOperations: 2 * 256 * 256,
    headOperations: 2 * 1000 * 256,
    kvBytes: 2 * 2 * 2 * 64 * 2,
  });
});

it("an embedding beside a head is looked up, not read", () => {
  const head = tensor("output.weight", "f16", 1000, 256);
  expect(factsOf([EMBEDDING, LAYER, head])).toEqual(factsOf([EMBEDDING, LAYER]));
});

it("compact weights are fewer bytes and the same operations", () => {
  const [fast, compact] = [factsOf([LAYER]), factsOf([LAYER], "compact")];
  expect(compact.weightBytes).toBeLessThan(0.85 * fast.weightBytes);
  expect(compact.layerOperations).toBe(fast.layerOperations);
});

it("a prompt needs the head once, a generation for every token", () => {
  const facts = factsOf([EMBEDDING, LAYER]);
  expect(workOf({ kind: "prompt", tokens: 10, depth: 0 }, facts, 4)).toEqual({
    bytes: 3 * facts.weightBytes, // batches of 4, 4 and 2
    operations: 10 * facts.layerOperations + facts.headOperations,
  });
  const generated = workOf({ kind: "generate", tokens: 9, depth: 100 }, facts, 4);
  expect(generated.operations).toBe(9 * (facts.layerOperations + facts.headOperations));
  // Token i sees 100 + i positions: 105 on average.
  expect(generated.bytes).toBe(9 * (facts.weightBytes + 105 * facts.kvBytes));
});
