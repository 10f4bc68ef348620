import { describe, expect, test } from "vitest";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import type { ModelSource } from "../../../src/checkpoint/source.ts";
import {
  checkpointConfig,
  checkpointFamily,
  checkpointName,
  tokenIds,
} from "../../../src/convert/checkpoint-config.ts";
import { UnsupportedError } from "../../../src/errors.ts";
import type { MetadataEntry } from "../../../src/gguf/types.ts";
import { goldenPath } from "../../support/golden.ts";

const open = (file: string) => openModelSource(goldenPath(`gguf/${file}.gguf`));

function ofFamily(family: string): ModelSource {
  const metadata = new Map<string, MetadataEntry>([
    ["general.architecture", { type: "string", value: family }],
  ]);
  return { container: "gguf", path: "m", files: [], metadata, tensors: [], notes: [] };
}

describe("the class of a checkpoint", () => {
  test.each([
    ["a.i2_s", "BitNetForCausalLM", "model."],
    // transformers has no class that reads packed weights under the names of 1bitLLM.
    ["b.i2_s", "BitNetForCausalLM", "model."],
    ["c.i2_s", "LlamaForCausalLM", "model."],
    ["d.pq2_0", "Qwen3ForCausalLM", "model."],
    ["e.i2_s", "Qwen3Model", ""],
  ])("%s is %s", async (file, className, prefix) => {
    expect(checkpointFamily(await open(file))).toMatchObject({ className, prefix });
  });

  test("of an unknown family there is none", () => {
    expect(() => checkpointFamily(ofFamily("mamba"))).toThrow(UnsupportedError);
    expect(() => checkpointFamily(ofFamily("mamba"))).toThrow(
      "model family mamba cannot be written as a checkpoint",
    );
  });
});

describe("names", () => {
  test.each([
    ["bitnet", "blk.1.attn_sub_norm.weight", "model.layers.1.self_attn.attn_sub_norm.weight"],
    ["bitnet", "blk.0.ffn_sub_norm.weight", "model.layers.0.mlp.ffn_sub_norm.weight"],
    ["llama", "blk.11.attn_output.weight", "model.layers.11.self_attn.o_proj.weight"],
    ["llama", "output.weight", "lm_head.weight"],
    ["llama", "token_embd.weight", "model.embed_tokens.weight"],
    ["gemma3", "blk.2.post_ffw_norm.weight", "model.layers.2.post_feedforward_layernorm.weight"],
    ["qwen3", "blk.0.ffn_up_norm_in.weight", "model.layers.0.mlp.up_proj.norm.weight"],
  ])("%s: %s is %s", (family, gguf, name) => {
    expect(checkpointName(checkpointFamily(ofFamily(family)), gguf)).toBe(name);
  });

  test("of tensors that the family does not have", () => {
    const family = checkpointFamily(ofFamily("llama"));
    expect(() => checkpointName(family, "rope_freqs.weight")).toThrow(
      "a llama checkpoint has no tensor rope_freqs.weight",
    );
  });
});

describe("config.json", () => {
  const configOf = async (file: string) => {
    const model = await open(file);
    return checkpointConfig(model, checkpointFamily(model), "bf16");
  };

  test("of a model without a head of its own", async () => {
    expect(await configOf("b2.i2_s")).toEqual({
      architectures: ["BitNetForCausalLM"],
      model_type: "bitnet",
      attention_bias: false,
      bos_token_id: 496,
      eos_token_id: 497,
      pad_token_id: 497,
      head_dim: 32,
      hidden_act: "silu",
      hidden_size: 64,
      intermediate_size: 704,
      max_position_embeddings: 256,
      num_attention_heads: 2,
      num_hidden_layers: 1,
      num_key_value_heads: 2,
      quantization_config: {
        quant_method: "bitnet",
        linear_class: "autobitlinear",
        quantization_mode: "offline",
      },
      // The f32 of the file, as people write it.
      rms_norm_eps: 1e-5,
      rope_scaling: null,
      rope_theta: 10_000,
      tie_word_embeddings: true,
      torch_dtype: "bfloat16",
      vocab_size: 512,
    });
  });

  test("of others differs where they do", async () => {
    expect(await configOf("c2.i2_s")).toMatchObject({
      model_type: "llama",
      tie_word_embeddings: false,
      head_dim: 128,
      rope_theta: 1_000_042,
    });
    expect(await configOf("d-yarn.pq2_0")).toMatchObject({
      rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 128 },
    });
    expect(await configOf("a.i2_s")).toMatchObject({ hidden_act: "relu2" });
  });
});

test("several ends are a list", () => {
  const entry = (value: number): MetadataEntry => ({ type: "uint32", value });
  const metadata = new Map([
    ["tokenizer.ggml.eos_token_id", entry(7)],
    ["tokenizer.ggml.eot_token_id", entry(9)],
  ]);
  expect(tokenIds(metadata)).toEqual({ eos_token_id: [7, 9] });
  expect(tokenIds(new Map())).toEqual({});
});
