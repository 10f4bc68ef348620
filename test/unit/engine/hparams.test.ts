import { describe, expect, test } from "vitest";
import { BITNET } from "../../../src/checkpoint/architectures/bitnet.ts";
import { readHfConfig } from "../../../src/checkpoint/hf-config.ts";
import { hfMetadata } from "../../../src/checkpoint/hf-metadata.ts";
import { JsonObject } from "../../../src/checkpoint/json.ts";
import { hparamsOf } from "../../../src/engine/hparams.ts";
import { ModelFormatError, UnsupportedError } from "../../../src/errors.ts";
import type { Metadata, MetadataEntry } from "../../../src/gguf/types.ts";

type Values = Readonly<Record<string, number | string | undefined>>;

/** Metadata of a model of `family`, with `values` added, or taken away where undefined. */
function metadata(family: string, values: Values = {}): Metadata {
  const all: Values = {
    block_count: 30,
    embedding_length: 256,
    feed_forward_length: 512,
    "attention.head_count": 4,
    "attention.layer_norm_rms_epsilon": 1e-5,
    vocab_size: 512,
    ...values,
  };
  const entries = Object.entries(all).map(([key, value]): [string, MetadataEntry | undefined] => [
    `${family}.${key}`,
    value === undefined
      ? undefined
      : typeof value === "number"
        ? { type: "uint32", value }
        : { type: "string", value },
  ]);
  const found = entries.filter((pair): pair is [string, MetadataEntry] => pair[1] !== undefined);
  return new Map([["general.architecture", { type: "string", value: family }], ...found]);
}

describe("what files leave out", () => {
  test("has the value that the family's first programs took", () => {
    expect(hparamsOf(metadata("llama"))).toMatchObject({
      nKvHeads: 4,
      headDim: 64,
      contextLength: 2048,
      ropeTheta: 10_000,
    });
  });

  test.each([
    ["general.architecture", new Map()],
    ["llama.block_count", metadata("llama", { block_count: undefined })],
    [
      "llama.attention.layer_norm_rms_epsilon",
      metadata("llama", { "attention.layer_norm_rms_epsilon": undefined }),
    ],
    ["vocabulary size", metadata("llama", { vocab_size: undefined })],
  ])("%s has none", (key, values) => {
    expect(() => hparamsOf(values)).toThrow(ModelFormatError);
    expect(() => hparamsOf(values)).toThrow(new RegExp(`${key} is missing`));
  });

  test("a text where a number belongs", () => {
    expect(() => hparamsOf(metadata("llama", { block_count: "two" }))).toThrow(
      "llama.block_count is not a number",
    );
  });
});

describe("the activation", () => {
  test.each([
    ["bitnet-b1.58", 30, "relu2"],
    ["bitnet-25", 30, "relu2"],
    // Older files of 1bitLLM's models carry the name of 2B4T's family.
    ["bitnet-b1.58", 24, "silu"],
    ["bitnet-b1.58", 26, "silu"],
    ["bitnet", 26, "silu"],
    ["llama", 32, "silu"],
    ["qwen3", 28, "silu"],
    ["gemma3", 18, "gelu"],
  ])("of %s with %i layers is %s", (family, block_count, activation) => {
    expect(hparamsOf(metadata(family, { block_count }))).toMatchObject({ activation });
  });

  test.each([
    ["relu2", "relu2"],
    ["silu", "silu"],
    ["gelu_pytorch_tanh", "gelu"],
  ])("named %s is that", (hidden_act, activation) => {
    expect(hparamsOf(metadata("bitnet-b1.58", { hidden_act }))).toMatchObject({ activation });
  });

  test("with another name is refused", () => {
    expect(() => hparamsOf(metadata("llama", { hidden_act: "tanh" }))).toThrow(
      "unknown activation tanh",
    );
  });

  // What a checkpoint's config.json says must not be guessed away by the number of its layers.
  test.each([
    [24, "relu2"],
    [24, "silu"],
    [26, "relu2"],
    [30, "relu2"],
    [30, "silu"],
  ])("of a checkpoint with %i layers and %s survives", (layers, hidden_act) => {
    const config = new JsonObject("config.json", {
      architectures: [BITNET.classes[0]],
      ...{ hidden_size: 256, intermediate_size: 512, num_attention_heads: 4, vocab_size: 512 },
      ...{ max_position_embeddings: 512, num_hidden_layers: layers, hidden_act },
    });
    const written = hfMetadata("m", readHfConfig(config, undefined), [], []);
    expect(hparamsOf(written).activation).toBe(hidden_act);
  });
});

describe("heads", () => {
  test("have the size that is named", () => {
    const named = { "attention.key_length": 128, "attention.value_length": 128 };
    expect(hparamsOf(metadata("qwen3", named)).headDim).toBe(128);
    expect(hparamsOf(metadata("llama", { "rope.dimension_count": 32 })).headDim).toBe(32);
  });

  test.each([
    [{ "attention.key_length": 128, "rope.dimension_count": 64 }, "rope.dimension_count is 64"],
    [{ "attention.key_length": 128, "attention.value_length": 64 }, "attention.value_length is 64"],
  ])("of several sizes, or rotated in part, are refused: %j", (values, message) => {
    expect(() => hparamsOf(metadata("qwen3", values))).toThrow(UnsupportedError);
    expect(() => hparamsOf(metadata("qwen3", values))).toThrow(
      `qwen3.${message} and heads are 128: other sizes are not supported`,
    );
  });
});

describe("RoPE", () => {
  test("without scaling, or with none to speak of", () => {
    expect(hparamsOf(metadata("qwen3"))).not.toHaveProperty("yarn");
    const one = { "rope.scaling.type": "linear", "rope.scaling.factor": 1 };
    expect(hparamsOf(metadata("qwen3", one))).not.toHaveProperty("yarn");
  });

  test("stretched by YaRN", () => {
    const yarn = {
      "rope.scaling.type": "yarn",
      "rope.scaling.factor": 4,
      "rope.scaling.original_context_length": 128,
    };
    expect(hparamsOf(metadata("qwen3", yarn)).yarn).toEqual({ factor: 4, originalContext: 128 });
    const bare = { ...yarn, "rope.scaling.original_context_length": undefined };
    expect(() => hparamsOf(metadata("qwen3", bare))).toThrow(/original_context_length is missing/);
    const linear = { ...yarn, "rope.scaling.type": "linear" };
    expect(() => hparamsOf(metadata("qwen3", linear))).toThrow(UnsupportedError);
  });
});

describe("inputs of ternary matrices", () => {
  test.each([
    ["bitnet-b1.58", false, "token"],
    ["llama", false, "token"],
    ["qwen3", false, "blocks"],
    // Norms in front of the projections come with BitNet's training.
    ["qwen3", true, "token"],
    ["gemma3", true, "token"],
  ])("of %s (input norms: %s) are int8 per %s", (family, inputNorms, mode) => {
    expect(hparamsOf(metadata(family), "int8", inputNorms).activationMode).toBe(mode);
    expect(hparamsOf(metadata(family), "none", inputNorms).activationMode).toBe("floats");
  });
});
