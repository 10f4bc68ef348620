import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import { UnsupportedError } from "../../../src/errors.ts";
import { TENSOR_TYPES, tensorBytes } from "../../../src/gguf/tensor-types.ts";
import type { MetadataEntry } from "../../../src/gguf/types.ts";
import { openGgufWriter } from "../../../src/gguf/writer.ts";
import { tempDir } from "../../support/temp-dir.ts";

// What is recognised and not supported. Read as what it is not, it would give fluent nonsense: each is
// refused, by its name.

const string = (value: string): MetadataEntry => ({ type: "string", value });

interface Tensor {
  readonly name: string;
  readonly type: string;
  readonly id: number;
}

const NORM: Tensor = { name: "output_norm.weight", type: "F32", id: 0 };

/** A file of zeros. */
async function file(
  metadata: Readonly<Record<string, MetadataEntry>>,
  tensors: readonly Tensor[] = [NORM],
): Promise<string> {
  const path = join(tempDir(), "m.gguf");
  const plan = tensors.map(({ name, type: typeName, id }) => {
    const type = TENSOR_TYPES.find((one) => one.name === typeName && one.id === id);
    if (!type) throw new Error(`no type ${typeName}`);
    return { name, dims: name.includes("norm") ? [512] : [512, 64], type };
  });
  const writer = await openGgufWriter(path, new Map(Object.entries(metadata)), plan);
  for (const { name, dims, type } of plan) {
    await writer.append(name, Buffer.alloc(tensorBytes(type, dims) ?? 0));
  }
  await writer.finish();
  return path;
}

async function expectRefusal(opening: Promise<unknown>, message: RegExp): Promise<void> {
  await expect(opening).rejects.toThrow(UnsupportedError);
  await expect(opening).rejects.toThrow(message);
}

describe("models", () => {
  test.each([
    ["qwen35", /model family qwen35 is not supported: a hybrid of .* \(27B Ternary-Bonsai\)/],
    ["qwen3next", /model family qwen3next is not supported: a hybrid/],
    ["maple", /model family maple is not supported: a ternary mixture of experts/],
  ])("of family %s", async (family, message) => {
    const path = await file({ "general.architecture": string(family) });
    await expectRefusal(openModelSource(path), message);
  });

  test.each([
    ["prism.hadamard.version", /files with prism\.hadamard\.version are not supported: .*rotated/],
    ["prism.hadamard.weight_names", /files with prism\.hadamard\.weight_names are not supported/],
    ["gemma3.attention.sliding_window", /sliding_window are not supported: .*window of the text/],
  ])("with %s", async (key, message) => {
    const family = key.startsWith("gemma3") ? "gemma3" : "qwen3";
    const path = await file({ "general.architecture": string(family), [key]: string("1") });
    await expectRefusal(openModelSource(path), message);
  });

  test("that are adapters", async () => {
    const path = await file({
      "general.type": string("adapter"),
      "general.architecture": string("llama"),
    });
    const opening = openModelSource(path);
    await expectRefusal(opening, /is a LoRA adapter, not a model/);
    await expect(opening).rejects.toMatchObject({ hint: expect.stringMatching("--lora") });
  });

  test("with tensors that their family does not have", async () => {
    const bias = { name: "blk.0.attn_q.bias", type: "F32", id: 0 };
    const path = await file({ "general.architecture": string("qwen3") }, [NORM, bias]);
    await expectRefusal(
      openModelSource(path),
      /unexpected tensor blk\.0\.attn_q\.bias in a qwen3 model/,
    );
  });
});

describe("tensor types", () => {
  test.each([
    ["Q1_0", 41, /tensor type Q1_0 in .*attn_q.* is not supported \(1-bit weights/],
    ["Q1_0_G32", 40, /tensor type Q1_0_G32 in .* \(1-bit weights, which have no zero\)/],
    ["STQ1_0", 42, /tensor type STQ1_0 in .* \(sparse ternary weights, one zero in every four\)/],
    ["STQ1_0", 43, /tensor type STQ1_0 in .* \(sparse ternary weights/],
    ["MXFP4", 39, /tensor type MXFP4 in .* \(4-bit floating-point weights\)/],
    ["NVFP4", 40, /tensor type NVFP4 in .* \(4-bit floating-point weights\)/],
    ["IQ2_BN_R4", 335, /tensor type IQ2_BN_R4 in .* \(.*four rows interleaved/],
    ["Q5_K", 13, /tensor type Q5_K in blk\.0\.attn_q\.weight is not supported$/],
    ["IQ4_NL", 20, /tensor type IQ4_NL in blk\.0\.attn_q\.weight is not supported$/],
  ])("%s (id %i)", async (type, id, message) => {
    const tensor = { name: "blk.0.attn_q.weight", type, id };
    const path = await file({ "general.architecture": string("llama") }, [tensor, NORM]);
    await expectRefusal(openModelSource(path), message);
  });
});

describe("checkpoints", () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ["MLX", { quantization: { group_size: 128, bits: 2 } }, /checkpoints of MLX are not supported/],
    ["gptq", { quantization_config: { quant_method: "gptq" } }, /quant_method gptq/],
    [
      "inner norms",
      { quantization_config: { quant_method: "bitnet", use_rms_norm: true } },
      /use_rms_norm is not supported/,
    ],
    ["other families", { architectures: ["MapleForCausalLM"] }, /MapleForCausalLM is not/],
    ["hybrids", { architectures: ["Qwen3_5ForConditionalGeneration"] }, /Qwen3_5For.* is not/],
  ])("%s", async (_, changes, message) => {
    const folder = tempDir();
    const config = {
      ...{ architectures: ["Qwen3ForCausalLM"], hidden_size: 64, num_attention_heads: 2 },
      ...{ intermediate_size: 64, num_hidden_layers: 1, vocab_size: 300 },
      ...{ max_position_embeddings: 64, rms_norm_eps: 1e-6, ...changes },
    };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    await expectRefusal(openModelSource(folder), message);
  });
});
