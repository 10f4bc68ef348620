import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { ARCHITECTURES } from "../../../src/checkpoint/architectures/registry.ts";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import type { ModelSource } from "../../../src/checkpoint/source.ts";
import type { MetadataEntry } from "../../../src/gguf/types.ts";
import { openAdapters } from "../../../src/lora/adapters.ts";
import { ggufNameOf, isLayerMatrix } from "../../../src/lora/names.ts";
import { goldenPath } from "../../support/golden.ts";
import {
  peftTensors,
  type RawTensor,
  randomAdapter,
  SHAPE_OF_A,
  writeGgufAdapter,
  writePeft,
} from "../../support/lora.ts";
import { tempDir } from "../../support/temp-dir.ts";

const ADAPTER = randomAdapter(SHAPE_OF_A, { rank: 4, alpha: 6, only: /layers\.0/ });
const QUERY = "blk.0.attn_q.weight";
const DOWN = "blk.0.ffn_down.weight";

let model: ModelSource;
beforeAll(async () => {
  model = await openModelSource(goldenPath("gguf/a.i2_s.gguf"));
});

/** Scales by target of an adapter with this configuration. */
async function peftScales(config: Record<string, unknown>, tensors?: readonly RawTensor[]) {
  const path = tempDir();
  writePeft(path, ADAPTER, config, tensors);
  const { updates } = await openAdapters([{ path }], model);
  return new Map(updates.map(({ target, scale }) => [target, scale]));
}

async function ggufUpdates(
  metadata: Record<string, MetadataEntry | undefined> = {},
  source = model,
  family = "bitnet-b1.58",
) {
  const path = join(tempDir(), "adapter.gguf");
  await writeGgufAdapter(path, ADAPTER, { metadata, family });
  return (await openAdapters([{ path }], source)).updates;
}

describe("PEFT adapters", () => {
  it("are scaled by alpha / rank", async () => {
    expect([...new Set((await peftScales({})).values())]).toEqual([1.5]);
    expect((await peftScales({ lora_alpha: null })).get(QUERY)).toBe(2); // PEFT's default, 8
  });

  it("by alpha / sqrt(rank) when rank-stabilised", async () => {
    expect((await peftScales({ use_rslora: true })).get(QUERY)).toBe(3);
  });

  it.each<[string, Record<string, unknown>, number, number]>([
    ["the last part of a name", { alpha_pattern: { q_proj: 12 } }, 3, 1.5],
    ["several parts", { alpha_pattern: { "layers.0.mlp.down_proj": 2 } }, 1.5, 0.5],
    ["no part of a word", { alpha_pattern: { proj: 12, n_proj: 2 } }, 1.5, 1.5],
    ["the whole name", { alpha_pattern: { "^model.layers.0.mlp.down_proj": 2 } }, 1.5, 0.5],
    ["not the end if anchored", { alpha_pattern: { "^mlp.down_proj": 2 } }, 1.5, 1.5],
    ["the first that fits", { alpha_pattern: { "mlp.down_proj": 2, down_proj: 4 } }, 1.5, 0.5],
    ["a rank", { rank_pattern: { q_proj: 4 }, r: 4 }, 1.5, 1.5],
  ])("patterns: %s", async (_name, config, query, down) => {
    const scales = await peftScales(config);
    expect([scales.get(QUERY), scales.get(DOWN)]).toEqual([query, down]);
  });

  it.each(["", "model."])("are found under the prefix %j", async (prefix) => {
    const scales = await peftScales({}, peftTensors(ADAPTER, prefix));
    expect(scales.size).toBe(7);
  });

  it("that were saved with the adapter's name", async () => {
    const renamed = peftTensors(ADAPTER).map(({ name, ...rest }) => {
      return { ...rest, name: name.replace(".weight", ".default.weight") };
    });
    expect((await peftScales({}, renamed)).size).toBe(7);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ["another kind", { peft_type: "IA3" }, /peft_type "IA3"/],
    ["no kind", { peft_type: null }, /peft_type/],
    ["DoRA", { use_dora: true }, /DoRA/],
    ["saved modules", { modules_to_save: ["lm_head"] }, /modules_to_save replaces whole modules/],
    ["transposed matrices", { fan_in_fan_out: true }, /transposed/],
    ["biases", { bias: "lora_only" }, /bias "lora_only"/],
    ["biases of the adapter", { lora_bias: true }, /adds biases/],
    ["changed base weights", { init_lora_weights: "pissa_niter_4" }, /changed the weights/],
    ["repeated layers", { layer_replication: [[0, 1]] }, /repeats layers/],
    ["expressions", { alpha_pattern: { "(q|k)_proj": 1 } }, /no plain name/],
  ])("refuses %s", async (_name, config, message) => {
    await expect(peftScales(config)).rejects.toMatchObject({
      code: "E_UNSUPPORTED",
      message: expect.stringMatching(message),
    });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ["a rank that is no count", { r: -1 }, /r: expected a positive whole number/],
    ["an alpha that is no number", { lora_alpha: "8" }, /lora_alpha: expected a number/],
    ["a rank of a pattern that is no count", { rank_pattern: { q_proj: 0.5 } }, /rank_pattern/],
    ["a rank that the tensors do not have", { r: 8 }, /adapter_config.json says rank 8/],
  ])("complains about %s", async (_name, config, message) => {
    await expect(peftScales(config)).rejects.toMatchObject({
      code: "E_MODEL_FORMAT",
      message: expect.stringMatching(message),
    });
  });

  const some = { shape: [4, 8], values: new Float32Array(32) };
  it.each([
    ["base_model.model.model.embed_tokens.lora_embedding_A", /no low-rank update/],
    ["base_model.model.lm_head.weight", /no low-rank update/],
    ["base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector", /no low-rank update/],
    ["base_model.model.lm_head.lora_A.weight", /changes lm_head/],
    [
      "base_model.model.model.layers.0.mlp.experts.3.up_proj.lora_A.weight",
      /only matrices of layers/,
    ],
  ])("refuses the tensor %s", async (name, message) => {
    const tensors = [...peftTensors(ADAPTER), { ...some, name }];
    await expect(peftScales({}, tensors)).rejects.toMatchObject({
      code: "E_UNSUPPORTED",
      message: expect.stringMatching(message),
    });
  });

  it("complains about half an update, and about none", async () => {
    const half = peftTensors(ADAPTER).slice(1);
    await expect(peftScales({}, half)).rejects.toThrow(/lora_A.weight is missing/);
    await expect(peftScales({}, [])).rejects.toThrow(/holds no adapter/);
  });

  it("does not read pickles", async () => {
    const path = tempDir();
    writeFileSync(join(path, "adapter_config.json"), "{}");
    writeFileSync(join(path, "adapter_model.bin"), "");
    await expect(openAdapters([{ path }], model)).rejects.toThrow(/can run code/);
  });
});

describe("GGUF adapters", () => {
  it("are scaled by alpha / rank, and by 1 without an alpha", async () => {
    const scales = async (alpha: MetadataEntry | undefined) =>
      new Set((await ggufUpdates({ "adapter.lora.alpha": alpha })).map(({ scale }) => scale));
    expect([...(await scales({ type: "float32", value: 6 }))]).toEqual([1.5]);
    expect([...(await scales({ type: "float32", value: 0 }))]).toEqual([1]);
    expect([...(await scales(undefined))]).toEqual([1]);
  });

  it("have permuted rows of query and key in the family llama alone", async () => {
    const heads = (updates: Awaited<ReturnType<typeof ggufUpdates>>) =>
      Object.fromEntries(
        updates.flatMap(({ target, b }) => (b.adjacentHeads ? [[target, b.adjacentHeads]] : [])),
      );
    expect(heads(await ggufUpdates())).toEqual({});
    expect(heads(await ggufUpdates({}, asFamily("llama"), "llama"))).toEqual({
      "blk.0.attn_q.weight": 4,
      "blk.0.attn_k.weight": 2,
    });
  });

  it("fit models of the same family, whatever a converter calls BitNet", async () => {
    expect(await ggufUpdates({}, model, "bitnet-25")).toHaveLength(7);
    await expect(ggufUpdates({}, model, "qwen3")).rejects.toMatchObject({
      code: "E_USAGE",
      message: expect.stringMatching(/is for models of family qwen3, this model is bitnet-b1.58/),
    });
  });

  it.each<[string, string, MetadataEntry | undefined, RegExp]>([
    ["models", "general.type", { type: "string", value: "model" }, /is a model/],
    ["files that do not say", "general.type", undefined, /is a model/],
    ["other kinds", "adapter.type", { type: "string", value: "ia3" }, /type ia3/],
    [
      "adapters for some tokens",
      "adapter.alora.invocation_tokens",
      { type: "array", itemType: "uint32", value: [1, 2] },
      /aLoRA/,
    ],
    ["an alpha that is no number", "adapter.lora.alpha", { type: "string", value: "8" }, /alpha/],
  ])("refuses %s", async (_name, key, entry, message) => {
    await expect(ggufUpdates({ [key]: entry })).rejects.toThrow(message);
  });

  it.each(["output", "token_embd", "blk.0.attn_norm"])("refuse updates of %s", async (module) => {
    const [first] = ADAPTER.updates;
    if (!first) expect.unreachable();
    const path = join(tempDir(), "adapter.gguf");
    await writeGgufAdapter(path, { ...ADAPTER, updates: [{ ...first, module }] });
    await expect(openAdapters([{ path }], model)).rejects.toMatchObject({
      code: "E_UNSUPPORTED",
      message: `${path} changes ${module}.weight: only matrices of layers can be adapted`,
    });
  });

  it("refuse other tensors than updates", async () => {
    const path = join(tempDir(), "adapter.gguf");
    const updates = ADAPTER.updates.slice(0, 1);
    await writeGgufAdapter(path, { ...ADAPTER, updates });
    const bytes = readFileSync(path);
    const at = bytes.indexOf("lora_b");
    bytes.write("lora_c", at);
    writeFileSync(path, bytes);
    await expect(openAdapters([{ path }], model)).rejects.toThrow(/is no part of a low-rank/);
    bytes.write("lora_b", at);
    bytes.write("blk.7", bytes.indexOf("blk.0"));
    writeFileSync(path, bytes);
    await expect(openAdapters([{ path }], model)).rejects.toThrow(/lora_[ab] is missing/);
  });
});

describe("names", () => {
  it("agree with the families' tables", () => {
    for (const { layer } of ARCHITECTURES) {
      for (const { role, name, gguf } of layer) {
        if (role !== "ternary") continue;
        const [module, matrix] = [name, `${gguf}.weight`].map((one) => one.replace("{n}", "3"));
        expect(ggufNameOf(module ?? "")).toBe(matrix);
        expect(isLayerMatrix(matrix ?? "")).toBe(true);
      }
    }
  });

  it("know nothing else", () => {
    for (const name of ["layers.0.mlp.norm", "lm_head", "layers.x.mlp.up_proj", "constructor"]) {
      expect(ggufNameOf(name)).toBeUndefined();
    }
    for (const name of ["output.weight", "blk.0.attn_norm.weight", "blk.0.attn_q.bias"]) {
      expect(isLayerMatrix(name)).toBe(false);
    }
  });
});

function asFamily(family: string): ModelSource {
  const metadata = new Map(
    [...model.metadata].map(([key, entry]) =>
      key === "general.architecture"
        ? ([key, { type: "string", value: family }] as const)
        : ([key.replace(/^bitnet-b1\.58\./, `${family}.`), entry] as const),
    ),
  );
  return { ...model, metadata };
}
