import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UnsupportedError, UsageError } from "../../src/errors.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import { bitsOf, deviation, maxAbsDifference } from "../support/compare.ts";
import { convertTo } from "../support/converted.ts";
import { evaluate } from "../support/evaluate.ts";
import { tensorData } from "../support/gguf.ts";
import { goldenEmbeddings, goldenModel, goldenPath, goldenSequences } from "../support/golden.ts";
import { makeModel } from "../support/make-model.ts";
import { referenceModel } from "../support/reference.ts";
import { readSafetensors } from "../support/safetensors.ts";
import { tempDir } from "../support/temp-dir.ts";

// Checkpoints in Microsoft's packed form: read by the reference, which shares no code with the writer.

const ELEMENT_BYTES: Readonly<Record<string, number>> = { U8: 1, F16: 2, BF16: 2, F32: 4 };

function json(folder: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, name), "utf8"));
}

describe("the reference finds the recorded logits in a checkpoint written from", () => {
  it.each([
    ["a", "models/a-packed"],
    ["a", "models/a-master-bf16"],
    ["a", "gguf/a.i2_s.gguf"],
    ["b", "models/b"],
    ["b", "gguf/b.i2_s.gguf"],
    ["b2", "gguf/b2.i2_s.gguf"],
    ["c", "models/c"],
    ["c", "gguf/c.i2_s.gguf"],
    ["c2", "models/c2"],
    ["c2", "gguf/c2.i2_s.gguf"],
  ])("%s (%s)", async (model, path) => {
    const result = await convertTo(goldenModel(path), { outtype: "safetensors", verify: true });
    expect(result.loss).toBeUndefined();
    expect(result.verification?.rounded).toEqual([]);
    const reference = referenceModel(result.output);
    for (const { ids, logits } of goldenSequences(model).slice(0, 4)) {
      const found = reference.logits(ids).slice(-logits.length);
      expect(deviation(logits, found).maxAbs).toBeLessThan(2e-5);
    }
    const ids = goldenSequences(model)[2]?.ids ?? [];
    const [written, original] = [
      await evaluate(result.output, ids),
      await evaluate(goldenModel(path), ids),
    ];
    expect(bitsOf(written).equals(bitsOf(original))).toBe(true);
  });

  it.each(["models/e", "gguf/e.i2_s.gguf"])("e (%s)", async (path) => {
    const { output } = await convertTo(goldenModel(path), { outtype: "safetensors", verify: true });
    expect(json(output, "config.json")["architectures"]).toEqual(["Qwen3Model"]);
    const reference = referenceModel(output);
    for (const { ids, embedding } of goldenEmbeddings().slice(0, 4)) {
      const last = reference.hidden(ids).at(-1) ?? new Float64Array();
      const length = Math.hypot(...last);
      const vector = last.map((v) => v / length);
      expect(maxAbsDifference(embedding, vector)).toBeLessThan(1e-6);
    }
  });
});

describe("GGUF to safetensors and back gives the same file", () => {
  it.each([
    "gguf/a.i2_s.gguf",
    "gguf/b.i2_s.gguf",
    "gguf/b2.i2_s.gguf",
    "gguf/c.i2_s.gguf",
    "gguf/c2.i2_s.gguf",
  ])("%s", async (path) => {
    const there = await convertTo(goldenPath(path), { outtype: "safetensors" });
    const back = await convertTo(there.output, { outtype: "i2_s" });
    const [golden, file] = [await readGguf(goldenPath(path)), await readGguf(back.output)];
    expect(file.tensors.map(({ name, dims }) => [name, dims]).sort()).toEqual(
      golden.tensors.map(({ name, dims }) => [name, dims]).sort(),
    );
    for (const { name, type, bytes } of golden.tensors) {
      const end = type.name === "I2_S" ? bytes - 28 : bytes;
      const same = tensorData(file, name)
        .subarray(0, end)
        .equals(tensorData(golden, name).subarray(0, end));
      expect(same, name).toBe(true);
    }
  });
});

describe("the file", () => {
  it("holds the codes of the original, with scales that multiply", async () => {
    const source = goldenPath("models/a-packed");
    const { output } = await convertTo(goldenPath("gguf/a.i2_s.gguf"), { outtype: "safetensors" });
    const original = readSafetensors(join(source, "model.safetensors"));
    const written = readSafetensors(join(output, "model.safetensors"));
    expect([...written.keys()].sort()).toEqual([...original.keys()].sort());
    for (const [name, tensor] of original) {
      const copy = written.get(name);
      expect(copy?.shape, name).toEqual(tensor.shape);
      if (tensor.dtype === "U8") expect(copy?.bytes.equals(tensor.bytes), name).toBe(true);
      expect(maxAbsDifference(tensor.values, copy?.values ?? new Float64Array()), name).toBe(0);
    }
  });

  it("puts queries and keys into the order of checkpoints", async () => {
    const original = readSafetensors(
      join(goldenPath("models/c"), "model-00001-of-00002.safetensors"),
    );
    const { output } = await convertTo(goldenPath("gguf/c.i2_s.gguf"), { outtype: "safetensors" });
    const written = readSafetensors(join(output, "model.safetensors"));
    const name = "model.layers.0.self_attn.q_proj.weight";
    expect(written.get(name)?.bytes.equals(original.get(name)?.bytes ?? Buffer.of())).toBe(true);
  });

  it("aligns every tensor to its elements", async () => {
    const { output } = await convertTo(goldenModel("models/b"), { outtype: "safetensors" });
    const raw = readFileSync(join(output, "model.safetensors"));
    const headerBytes = Number(raw.readBigUInt64LE());
    expect((8 + headerBytes) % 8).toBe(0);
    const header = JSON.parse(raw.toString("utf8", 8, 8 + headerBytes)) as Record<
      string,
      { dtype: string; data_offsets: [number, number] }
    >;
    expect(header["__metadata__"]).toEqual({ format: "pt" });
    const tensors = Object.entries(header).filter(([name]) => name !== "__metadata__");
    expect(tensors.length).toBeGreaterThan(20);
    for (const [name, { dtype, data_offsets }] of tensors) {
      expect(data_offsets[0] % (ELEMENT_BYTES[dtype] ?? Number.NaN), name).toBe(0);
    }
  });
});

describe("numbers have one type, which transformers computes with", () => {
  const typesIn = (folder: string) => {
    const tensors = [...readSafetensors(join(folder, "model.safetensors")).values()];
    return new Set(tensors.map(({ dtype }) => dtype).filter((dtype) => dtype !== "U8"));
  };

  it.each([
    ["models/a-packed", "BF16", "bfloat16"],
    ["models/a-master-bf16", "F32", "float32"],
    ["models/c", "F32", "float32"],
    ["gguf/a.i2_s.gguf", "F32", "float32"],
  ])("%s: %s", async (path, dtype, name) => {
    const { output } = await convertTo(goldenModel(path), { outtype: "safetensors" });
    expect(typesIn(output)).toEqual(new Set([dtype]));
    expect(json(output, "config.json")["torch_dtype"]).toBe(name);
  });

  it("is the one asked for, if the scales are such numbers or may be rounded", async () => {
    const whole = { outtype: "safetensors", embdType: "bf16" } as const;
    const { output } = await convertTo(goldenPath("gguf/a.i2_s.gguf"), { ...whole, verify: true });
    expect(typesIn(output)).toEqual(new Set(["BF16"]));

    const refused = convertTo(goldenPath("gguf/c.i2_s.gguf"), whole);
    await expect(refused).rejects.toThrow(UnsupportedError);
    await expect(refused).rejects.toThrow(
      /^blk\.0\.attn_q\.weight: its scale 0\.\d+ is no bf16 number$/,
    );
    const lossy = await convertTo(goldenPath("gguf/c.i2_s.gguf"), {
      ...whole,
      allowLossy: true,
      verify: true,
    });
    expect(lossy.loss).toMatchObject({ tensors: 14, scalesRounded: 14 });
    expect(lossy.loss?.maxRelative).toBeLessThan(2 ** -8);
    const rounded = lossy.verification?.rounded.filter(({ to }) => to === "hf_packed") ?? [];
    expect(rounded).toHaveLength(14);
  });
});

describe("the folder", () => {
  it("of a checkpoint keeps what says nothing about weights", async () => {
    const source = goldenModel("models/e");
    const result = await convertTo(source, { outtype: "safetensors" });
    expect(result.notes).toEqual([]);
    expect(readdirSync(result.output).sort()).toEqual(readdirSync(source).sort());
    for (const name of ["tokenizer.json", "modules.json", "1_Pooling/config.json"]) {
      expect(json(result.output, name)).toEqual(json(source, name));
    }
  });

  it("of a GGUF file has the configuration, and no tokenizer", async () => {
    const result = await convertTo(goldenPath("gguf/e.i2_s.gguf"), { outtype: "safetensors" });
    expect(result.notes).toEqual([
      "the tokenizer of a GGUF file is not written: add tokenizer.json of the original checkpoint",
    ]);
    expect(existsSync(join(result.output, "tokenizer.json"))).toBe(false);
    expect(json(result.output, "1_Pooling/config.json")).toMatchObject({
      pooling_mode_lasttoken: true,
    });
    const [ours, theirs] = [result.output, goldenModel("models/e")].map((folder) =>
      json(folder, "config.json"),
    );
    const kept = ["hidden_size", "head_dim", "num_key_value_heads", "rope_theta", "rms_norm_eps"];
    for (const key of kept) expect(ours?.[key], key).toBe(theirs?.[key]);
  });

  it("names YaRN as transformers does", async () => {
    const folder = join(tempDir(), "model");
    const shape = { dModel: 256, dFf: 256, nLayers: 1, vocabSize: 300, yarnFactor: 4 };
    await makeModel({ output: folder, family: "qwen3", format: "unpacked", group: 0, shape });
    const { output } = await convertTo(folder, { outtype: "safetensors", allowLossy: true });
    const read = (path: string) => json(path, "config.json")["rope_scaling"];
    expect(read(output)).toEqual(read(folder));
  });

  it("replaces a checkpoint, and nothing else", async () => {
    const parent = tempDir();
    const output = join(parent, "out");
    const options = { outtype: "safetensors", output } as const;
    await convertTo(goldenPath("gguf/b2.i2_s.gguf"), options);
    const first = readFileSync(join(output, "model.safetensors"));
    await convertTo(goldenPath("gguf/b2.i2_s.gguf"), options);
    expect(readFileSync(join(output, "model.safetensors")).equals(first)).toBe(true);
    expect(readdirSync(parent)).toEqual(["out"]);

    const other = tempDir();
    writeFileSync(join(other, "letters.txt"), "mine");
    const refused = convertTo(goldenPath("gguf/b2.i2_s.gguf"), {
      outtype: "safetensors",
      output: other,
    });
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(/the directory .* holds other files/);
    expect(readdirSync(other)).toEqual(["letters.txt"]);
  });
});
