import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { QWEN3 } from "../../../src/checkpoint/architectures/qwen3.ts";
import { checkAttention } from "../../../src/checkpoint/hf-attention.ts";
import { readPooling, withEmbeddingEnd } from "../../../src/checkpoint/hf-pooling.ts";
import { readQuantization } from "../../../src/checkpoint/hf-quantization.ts";
import { readRope, yarnKeys } from "../../../src/checkpoint/hf-rope.ts";
import { JsonObject } from "../../../src/checkpoint/json.ts";
import { ModelFormatError, UnsupportedError } from "../../../src/errors.ts";
import type { MetadataEntry } from "../../../src/gguf/types.ts";
import { tempDir } from "../../support/temp-dir.ts";

const config = (values: object) => new JsonObject("config.json", values);

describe("RoPE", () => {
  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 128 };

  test("plain, by the old key and the new one", () => {
    expect(readRope(config({ rope_theta: 5e5 }))).toEqual({ theta: 5e5, yarn: undefined });
    const parameters = { rope_type: "default", rope_theta: 7 };
    expect(readRope(config({ rope_parameters: parameters }))).toEqual({
      theta: 7,
      yarn: undefined,
    });
    expect(readRope(config({ rope_scaling: null }))).toEqual({ theta: undefined, yarn: undefined });
  });

  test("by kinds of layers, as long as they have the same", () => {
    const one = { rope_type: "default", rope_theta: 7 };
    const same = { full_attention: one, sliding_attention: { ...one } };
    expect(readRope(config({ rope_parameters: same }))).toEqual({ theta: 7, yarn: undefined });
    const other = { full_attention: one, sliding_attention: { ...one, rope_theta: 8 } };
    expect(() => readRope(config({ rope_parameters: other }))).toThrow(UnsupportedError);
    expect(() => readRope(config({ rope_parameters: other }))).toThrow(
      "config.json: rope_parameters: full_attention and sliding_attention layers have other RoPE",
    );
  });

  test("stretched by YaRN, in the terms of GGUF", () => {
    const found = readRope(config({ rope_theta: 1e6, rope_scaling: yarn })).yarn;
    expect(found).toMatchObject({ factor: 4, originalContext: 128 });
    expect(yarnKeys(found)).toEqual([
      ["rope.scaling.type", { type: "string", value: "yarn" }],
      ["rope.scaling.factor", { type: "float32", value: 4 }],
      ["rope.scaling.original_context_length", { type: "uint32", value: 128 }],
    ]);
    expect(yarnKeys(undefined)).toEqual([]);
  });

  test("an attention factor replaces the magnitude there and multiplies it here", () => {
    const scaling = { ...yarn, attention_factor: 1, beta_fast: 16, beta_slow: 2 };
    const found = readRope(config({ rope_scaling: scaling })).yarn;
    expect(found?.attentionFactor).toBeCloseTo(1 / (1 + 0.1 * Math.log(4)), 12);
    expect(found).toMatchObject({ betaFast: 16, betaSlow: 2 });
    const keys = yarnKeys(found).map(([key]) => key);
    expect(keys).toContain("rope.scaling.attn_factor");
    expect(keys).toContain("rope.scaling.yarn_beta_fast");
    expect(keys).toContain("rope.scaling.yarn_beta_slow");
  });

  test("without the original length, the model's own counts", () => {
    const scaling = { type: "yarn", factor: 2 };
    const found = readRope(config({ max_position_embeddings: 512, rope_scaling: scaling })).yarn;
    expect(found?.originalContext).toBe(512);
  });

  test.each<[object, typeof UnsupportedError | typeof ModelFormatError, RegExp]>([
    [{ rope_scaling: { type: "linear", factor: 2 } }, UnsupportedError, /rope_scaling of type lin/],
    [{ rope_parameters: { rope_type: "llama3" } }, UnsupportedError, /rope_parameters of type lla/],
    [{ partial_rotary_factor: 0.5 }, UnsupportedError, /partial_rotary_factor 0\.5/],
    [{ rope_scaling: { ...yarn, mscale: 1 } }, UnsupportedError, /YaRN with mscale/],
    [{ rope_scaling: { ...yarn, factor: 0.5 } }, ModelFormatError, /factor is 0\.5/],
    [{ rope_scaling: { ...yarn, factor: "4" } }, ModelFormatError, /factor: expected a number/],
  ])("%j is refused", (values, type, message) => {
    expect(() => readRope(config(values))).toThrow(type);
    expect(() => readRope(config(values))).toThrow(message);
  });
});

describe("attention", () => {
  const heads = { headDim: 64, ropeTheta: 1e6, contextLength: 512 };

  test("of one kind is what the engine has", () => {
    const plain = { use_sliding_window: false, sliding_window: null, query_pre_attn_scalar: 64 };
    expect(checkAttention(config({ ...plain, rope_local_base_freq: 1e6 }), heads)).toEqual([]);
    expect(checkAttention(config({ sliding_window: 512 }), heads)).toEqual([]);
    const unused = { sliding_window: 128, use_sliding_window: false };
    expect(checkAttention(config(unused), heads)).toEqual([]);
  });

  test("to a window is told", () => {
    expect(checkAttention(config({ sliding_window: 128 }), heads)).toEqual([
      "attends to the whole text: the window of 128 tokens of config.json is not applied",
    ]);
  });

  test.each([
    [{ use_sliding_window: true }, /use_sliding_window true is not supported/],
    [{ use_bidirectional_attention: true }, /use_bidirectional_attention true/],
    [{ attn_logit_softcapping: 50 }, /attn_logit_softcapping 50/],
    [{ final_logit_softcapping: 30 }, /final_logit_softcapping 30/],
    [{ query_pre_attn_scalar: 256 }, /query_pre_attn_scalar 256 with head_dim 64/],
    [{ rope_local_base_freq: 1e4 }, /rope_local_base_freq 10000 with rope_theta 1000000/],
  ])("%j is refused", (values, message) => {
    expect(() => checkAttention(config(values), heads)).toThrow(UnsupportedError);
    expect(() => checkAttention(config(values), heads)).toThrow(message);
  });
});

describe("quantisation", () => {
  test.each([
    [{}, { declared: false, scaleRule: "divide" }],
    [{ quantization_config: null }, { declared: false, scaleRule: "divide" }],
    [{ quantization_config: { quant_method: "bitnet" } }, { declared: true, scaleRule: "divide" }],
    [
      { quantization_config: { quant_method: "bitnet", linear_class: "bitlinear" } },
      { declared: true, scaleRule: "divide" },
    ],
    [
      { quantization_config: { quant_method: "bitnet", linear_class: "autobitlinear" } },
      { declared: true, scaleRule: "multiply" },
    ],
  ])("%j", (values, expected) => {
    expect(readQuantization(config(values))).toEqual(expected);
  });
});

describe("pooling", () => {
  const MODULES = [
    { idx: 0, path: "", type: "sentence_transformers.models.Transformer" },
    { idx: 1, path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
  ];

  function folder(modules: unknown, pooling?: object): string {
    const path = tempDir();
    writeFileSync(join(path, "modules.json"), JSON.stringify(modules));
    if (pooling) {
      mkdirSync(join(path, "1_Pooling"));
      writeFileSync(join(path, "1_Pooling", "config.json"), JSON.stringify(pooling));
    }
    return path;
  }
  const read = (path: string) => readPooling(path, readdirSync(path));

  test.each([
    [{ pooling_mode_lasttoken: true }, 3],
    [{ pooling_mode_cls_token: true }, 2],
    [{ pooling_mode_mean_tokens: true }, 1],
    [{ pooling_mode_lasttoken: false, pooling_mode_mean_tokens: true }, 1],
    [{}, 1],
  ])("%j is type %i of llama.cpp", async (pooling, type) => {
    expect(await read(folder(MODULES, pooling))).toBe(type);
  });

  test("of a model without modules, or without that module, there is none", async () => {
    expect(await readPooling(tempDir(), [])).toBeUndefined();
    expect(await read(folder([MODULES[0]]))).toBeUndefined();
    expect(await read(folder(MODULES))).toBe(1);
  });

  test("a module outside the folder is refused", async () => {
    const path = folder([{ path: "../../etc", type: "x.Pooling" }]);
    await expect(read(path)).rejects.toThrow(ModelFormatError);
    await expect(read(path)).rejects.toThrow(/path "\.\.\/\.\.\/etc" is not a folder's name/);
  });

  test("embedding models of a family end a text with a token of its own", () => {
    const tokens: MetadataEntry = {
      type: "array",
      itemType: "string",
      value: ["a", "<|endoftext|>"],
    };
    const entries = [["tokenizer.ggml.tokens", tokens]] as const;
    const metadata = new Map(withEmbeddingEnd(entries, QWEN3));
    expect(metadata.get("tokenizer.ggml.eos_token_id")).toEqual({ type: "uint32", value: 1 });
    expect(metadata.get("tokenizer.ggml.add_eos_token")).toEqual({ type: "bool", value: true });
    const { embeddingEnd: _, ...other } = QWEN3;
    expect(withEmbeddingEnd(entries, other)).toBe(entries);
  });
});
