import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readHfConfig } from "../../../src/checkpoint/hf-config.ts";
import { parseJson } from "../../../src/checkpoint/json.ts";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import type { ModelSource, TensorSource } from "../../../src/checkpoint/source.ts";
import { type BitnetError, ModelFormatError, UnsupportedError } from "../../../src/errors.ts";
import { readGguf } from "../../../src/gguf/reader.ts";
import { goldenPath } from "../../support/golden.ts";
import { tempDir } from "../../support/temp-dir.ts";

const PACKED = goldenPath("models/a-packed");
const MASTERS = goldenPath("models/a-master-bf16");
const GOLDEN = goldenPath("gguf/a.i2_s.gguf");

/** Opens a copy of the packed golden checkpoint after changes to one of its JSON files. */
async function openChanged(
  file: string,
  change: (json: Record<string, unknown>) => void,
): Promise<ModelSource> {
  const folder = join(tempDir(), "model");
  cpSync(PACKED, folder, { recursive: true });
  const json = JSON.parse(readFileSync(join(folder, file), "utf8"));
  change(json);
  writeFileSync(join(folder, file), JSON.stringify(json));
  return openModelSource(folder);
}

const byName = (model: ModelSource, name: string): TensorSource | undefined =>
  model.tensors.find((tensor) => tensor.name === name);

describe("Hugging Face checkpoint as a model", () => {
  test("metadata equals that of the golden GGUF, in order, but for the name", async () => {
    const golden = await readGguf(GOLDEN);
    const { metadata } = await openModelSource(PACKED);
    expect([...metadata.keys()]).toEqual([...golden.metadata.keys()]);
    for (const [key, entry] of golden.metadata) {
      if (key !== "general.name") expect(metadata.get(key), key).toEqual(entry);
    }
    expect(metadata.get("general.name")).toEqual({ type: "string", value: "a-packed" });
  });

  test("tensors have the names, order and shapes of the golden GGUF", async () => {
    const golden = await readGguf(GOLDEN);
    const expected = golden.tensors.map(({ name, dims }) => [name, dims[0], dims[1] ?? 1]);
    for (const path of [PACKED, MASTERS]) {
      const { tensors } = await openModelSource(path);
      expect(tensors.map(({ name, rows, cols }) => [name, cols, rows])).toEqual(expected);
    }
  });

  test("packed tensors carry the scale that multiplies, masters are to be ternarised", async () => {
    const packed = byName(await openModelSource(PACKED), "blk.0.attn_k.weight");
    expect(packed).toMatchObject({ encoding: "hf_packed", rows: 128, cols: 256, bytes: 32 * 256 });
    expect(packed?.scale).toBeGreaterThan(0);
    const master = byName(await openModelSource(MASTERS), "blk.0.attn_k.weight");
    expect(master).toMatchObject({ encoding: "bf16", quantise: "absmean", bytes: 128 * 256 * 2 });
    expect(master).not.toHaveProperty("scale");
    const embedding = byName(await openModelSource(MASTERS), "token_embd.weight");
    expect(embedding).not.toHaveProperty("quantise");
  });

  test("without autobitlinear the stored scale divides", async () => {
    const scaleOf = (model: ModelSource): number =>
      byName(model, "blk.1.ffn_down.weight")?.scale ?? Number.NaN;
    const multiplied = scaleOf(await openModelSource(PACKED));
    const divided = await openChanged("config.json", (config) => {
      config["quantization_config"] = { quant_method: "bitnet" };
    });
    expect(scaleOf(divided)).toBe(Math.fround(1 / multiplied));
  });

  test("newer and optional keys", async () => {
    const model = await openChanged("config.json", (config) => {
      config["rope_parameters"] = { rope_type: "default", rope_theta: 1234 };
      delete config["rope_theta"];
      delete config["rms_norm_eps"];
      config["head_dim"] = 64;
      config["hidden_act"] = "silu";
    });
    const value = (key: string): unknown => model.metadata.get(`bitnet-b1.58.${key}`)?.value;
    expect(value("rope.freq_base")).toBe(1234);
    expect(value("attention.layer_norm_rms_epsilon")).toBe(Math.fround(1e-5));
    expect(value("attention.key_length")).toBe(64);
    expect(value("attention.value_length")).toBe(64);
    expect(value("hidden_act")).toBe("silu");
  });

  test.each([
    ["Qwen3Model", 128],
    ["Gemma3TextModel", 256],
    ["LlamaForCausalLM", 64], // hidden_size / num_attention_heads
  ])("heads of %s have %i dimensions unless config.json says otherwise", (name, headDim) => {
    const config = JSON.parse(readFileSync(join(PACKED, "config.json"), "utf8"));
    const read = (changes: object) => {
      const text = JSON.stringify({ ...config, architectures: [name], ...changes });
      return readHfConfig(parseJson(text, "config.json"), undefined);
    };
    expect(read({}).headDim).toBe(headDim);
    expect(read({}).dims.qRows).toBe(4 * headDim);
    expect(read({ head_dim: 32 }).headDim).toBe(32);
  });

  test.each<[string, Record<string, unknown>, typeof BitnetError | unknown, RegExp]>([
    [
      "family",
      { architectures: ["GPT2LMHeadModel"] },
      UnsupportedError,
      /GPT2LMHeadModel is not supported; known: BitNet/,
    ],
    ["no family", { architectures: null }, UnsupportedError, /\(none\)/],
    [
      "missing size",
      { hidden_size: null },
      ModelFormatError,
      /config.json: hidden_size is missing/,
    ],
    [
      "size as text",
      { hidden_size: "256" },
      ModelFormatError,
      /expected a positive whole number, found "256"/,
    ],
    [
      "negative",
      { num_hidden_layers: -1 },
      ModelFormatError,
      /num_hidden_layers: expected a positive/,
    ],
    [
      "huge",
      { num_hidden_layers: 1e12 },
      ModelFormatError,
      /num_hidden_layers: expected a positive/,
    ],
    [
      "heads",
      { num_attention_heads: 3 },
      ModelFormatError,
      /256 is not a multiple of num_attention_heads 3/,
    ],
    [
      "kv heads",
      { num_key_value_heads: 3 },
      ModelFormatError,
      /not a multiple of num_key_value_heads 3/,
    ],
    [
      "more layers",
      { num_hidden_layers: 3 },
      ModelFormatError,
      /tensor model.layers.2.input_layernorm.weight is missing/,
    ],
    [
      "fewer layers",
      { num_hidden_layers: 1 },
      UnsupportedError,
      /unexpected tensor model.layers.1/,
    ],
    [
      "wrong shape",
      { intermediate_size: 512 },
      ModelFormatError,
      /is \[384\], config.json asks for \[512\]/,
    ],
    [
      "untied head",
      { tie_word_embeddings: false },
      ModelFormatError,
      /tensor model.lm_head.weight is missing/,
    ],
    [
      "rope scaling",
      { rope_scaling: { rope_type: "longrope" } },
      UnsupportedError,
      /rope_scaling of type longrope/,
    ],
    [
      "YaRN without a factor",
      { rope_scaling: { rope_type: "yarn" } },
      ModelFormatError,
      /rope_scaling: factor is missing/,
    ],
    [
      "other quantisation",
      { quantization_config: { quant_method: "gptq" } },
      UnsupportedError,
      /quant_method gptq/,
    ],
    ["small vocabulary", { vocab_size: 500 }, ModelFormatError, /asks for \[500, 256\]/],
    ["bad id", { bos_token_id: "x" }, ModelFormatError, /token id "x" is not a whole number/],
  ])("config.json: %s", async (_, changes, type, message) => {
    const opening = openChanged("config.json", (config) => Object.assign(config, changes));
    await expect(opening).rejects.toThrow(type as typeof ModelFormatError);
    await expect(opening).rejects.toThrow(message);
  });

  test("damaged JSON names the file", async () => {
    const folder = join(tempDir(), "model");
    cpSync(PACKED, folder, { recursive: true });
    writeFileSync(join(folder, "config.json"), '{"a": ');
    await expect(openModelSource(folder)).rejects.toThrow(/config.json is not valid JSON/);
    writeFileSync(join(folder, "config.json"), "[]");
    await expect(openModelSource(folder)).rejects.toThrow(
      /config.json: expected an object, found \[\]/,
    );
  });
});
