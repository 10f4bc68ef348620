import { expect, it } from "vitest";
import type { ModelSource, TensorSource } from "../../../src/checkpoint/source.ts";
import { planMemory } from "../../../src/cli/memory-plan.ts";
import { formatMetadata } from "../../../src/cli/metadata.ts";
import { summarizeModel } from "../../../src/cli/model-summary.ts";
import type { AddonHparams, WeightForm } from "../../../src/engine/binding.ts";

const MIB = 1024 * 1024;
const tensor = (name: string, encoding: TensorSource["encoding"], rows: number, cols: number) => {
  const bytes = encoding === "i2_s" ? (rows * cols) / 4 + 32 : rows * cols * 2;
  return { name, encoding, rows, cols, file: 0, offset: 0, bytes };
};
const SOURCE: ModelSource = {
  container: "gguf",
  path: "m.gguf",
  files: ["m.gguf"],
  metadata: new Map([
    ["general.architecture", { type: "string", value: "bitnet" }],
    ["bitnet.block_count", { type: "uint64", value: 2n }],
    ["bitnet.context_length", { type: "uint32", value: 4096 }],
    ["tokenizer.ggml.tokens", { type: "array", itemType: "string", value: ["a", "b"] }],
  ]),
  tensors: [
    tensor("token_embd.weight", "f16", 1024, 4096),
    tensor("blk.0.attn_q.weight", "i2_s", 4096, 4096),
    { ...tensor("blk.1.attn_q.weight", "bf16", 4096, 4096), quantise: "absmean" },
  ],
  notes: ["a note"],
};
const HPARAMS = {
  nLayers: 2,
  nHeads: 4,
  nKvHeads: 2,
  headDim: 64,
  dModel: 256,
  dFf: 512,
  vocabSize: 1024,
} as AddonHparams;

it("a model is summed up from its header", () => {
  expect(summarizeModel(SOURCE)).toEqual({
    path: "m.gguf",
    container: "gguf",
    name: undefined,
    family: "bitnet",
    parameters: 36 * MIB,
    weightBytes: 44 * MIB + 32,
    shape: { nLayers: 2, contextLength: 4096 },
    tensorTypes: [
      { type: "bf16", tensors: 1, parameters: 16 * MIB, bytes: 32 * MIB },
      { type: "f16", tensors: 1, parameters: 4 * MIB, bytes: 8 * MIB },
      { type: "i2_s", tensors: 1, parameters: 16 * MIB, bytes: 4 * MIB + 32 },
    ],
    tokenizer: { model: undefined, pre: undefined, vocabSize: 2 },
    chatTemplate: false,
    notes: ["a note"],
  });
});

it("the memory plan counts what is loaded, in whole pages", () => {
  const plan = (availableBytes: number, weights: WeightForm = "fast", headCopy = false) =>
    planMemory(SOURCE, HPARAMS, {
      contextLength: 100,
      kvType: "f16",
      weights,
      headCopy,
      batchSize: 512,
      availableBytes,
    });
  const { weightBytes, kvCacheBytes, totalBytes, fits } = plan(64 * MIB);
  expect(weightBytes).toBe(18 * MIB); // 8 of the embedding, twice 4 and a bit
  expect(plan(0, "compact").weightBytes).toBe(16 * MIB); // twice 3.2 and a bit
  expect(plan(0, "fast", true).weightBytes).toBe(22 * MIB); // 4.25 of the copy, and bounds
  expect(kvCacheBytes).toBe(128 * 2 * 2 * 2 * 64 * 2); // chunks of 64 positions
  expect(totalBytes).toBe(plan(0).totalBytes);
  expect([fits, plan(totalBytes).fits, plan(totalBytes - 1).fits]).toEqual([true, true, false]);
});

it("metadata is shown on one line", () => {
  const long = Array.from({ length: 9 }, (_, i) => i);
  expect(formatMetadata({ type: "float32", value: Math.fround(1e-5) })).toBe("0.00001");
  expect(formatMetadata({ type: "float64", value: 0.1 })).toBe("0.1");
  expect(formatMetadata({ type: "uint64", value: 2n ** 60n })).toBe("1152921504606846976");
  expect(formatMetadata({ type: "string", value: "a\n\u001b" })).toBe('"a\\n\\u001b"');
  expect(formatMetadata({ type: "string", value: "x".repeat(101) })).toBe(
    `"${"x".repeat(100)}"... (101 characters)`,
  );
  expect(formatMetadata({ type: "array", itemType: "uint8", value: long })).toBe(
    "[0, 1, 2, 3, 4, 5, 6, 7, ... (9 in all)]",
  );
  expect(formatMetadata({ type: "array", itemType: "bool", value: [] })).toBe("[]");
});
