import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import { NotFoundError, UnsupportedError, UsageError } from "../../../src/errors.ts";
import { GgufImage } from "../../support/gguf.ts";
import { goldenPath } from "../../support/golden.ts";
import { tempDir } from "../../support/temp-dir.ts";

const GGUF = goldenPath("gguf/a.i2_s.gguf");
const CHECKPOINT = goldenPath("models/a-packed");

function file(bytes: Buffer): string {
  const path = join(tempDir(), "m.gguf");
  writeFileSync(path, bytes);
  return path;
}

describe("openModelSource", () => {
  test("a GGUF file", async () => {
    const model = await openModelSource(GGUF);
    expect(model).toMatchObject({ container: "gguf", path: GGUF, files: [GGUF] });
    const vector = model.tensors.find((tensor) => tensor.name === "output_norm.weight");
    expect(vector).toMatchObject({ rows: 1, cols: 256, encoding: "f32", bytes: 1024 });
    const matrix = model.tensors.find((tensor) => tensor.name === "blk.0.ffn_up.weight");
    expect(matrix).toMatchObject({ rows: 384, cols: 256, encoding: "i2_s", bytes: 384 * 64 + 32 });
  });

  test("the layout of I2_S tensors can be named", async () => {
    const model = await openModelSource(GGUF, { i2sLayout: "i2_s_row4" });
    const encodings = new Set(model.tensors.map((tensor) => tensor.encoding));
    expect([...encodings].sort()).toEqual(["f16", "f32", "i2_s_row4"]);
  });

  test("a folder with one GGUF file", async () => {
    const folder = tempDir();
    cpSync(GGUF, join(folder, "model.gguf"));
    expect((await openModelSource(folder)).path).toBe(join(folder, "model.gguf"));
  });

  test("several GGUF files: asks which one", async () => {
    const folder = tempDir();
    for (const name of ["b.gguf", "a.gguf"]) cpSync(GGUF, join(folder, name));
    await expect(openModelSource(folder)).rejects.toThrow(UsageError);
    await expect(openModelSource(folder)).rejects.toMatchObject({
      message: `${folder} holds several models: a.gguf, b.gguf`,
      hint: `name one of them, e.g. ${join(folder, "a.gguf")}`,
    });
  });

  test("a checkpoint with its conversion beside it: what is preferred decides", async () => {
    const folder = join(tempDir(), "model");
    cpSync(CHECKPOINT, folder, { recursive: true });
    expect((await openModelSource(folder)).container).toBe("safetensors");
    cpSync(GGUF, join(folder, "ggml-model-i2_s.gguf"));
    expect((await openModelSource(folder)).container).toBe("gguf");
    expect((await openModelSource(folder, { prefer: "checkpoint" })).container).toBe("safetensors");
  });

  test("missing paths, with near misses", async () => {
    const folder = tempDir();
    writeFileSync(join(folder, "model-i2_s.gguf"), "");
    const missing = openModelSource(join(folder, "model-i2s.gguf"));
    await expect(missing).rejects.toThrow(NotFoundError);
    await expect(missing).rejects.toMatchObject({
      message: `no such file or directory: ${join(folder, "model-i2s.gguf")}`,
      hint: `did you mean ${join(folder, "model-i2_s.gguf")}?`,
    });
    await expect(openModelSource(join(folder, "model-i2_s"))).rejects.toMatchObject({
      hint: `did you mean ${join(folder, "model-i2_s.gguf")}?`,
    });
    await expect(openModelSource(join(folder, "other"))).rejects.toMatchObject({ hint: undefined });
    await expect(openModelSource(join(folder, "no", "where"))).rejects.toThrow(/no such file/);
    await expect(openModelSource(join(folder, "model-i2_s.gguf", "x"))).rejects.toThrow(/no such/);
  });

  test("folders without a model", async () => {
    const folder = tempDir();
    await expect(openModelSource(folder)).rejects.toThrow(/the folder is empty/);
    writeFileSync(join(folder, "readme.txt"), "");
    await expect(openModelSource(folder)).rejects.toThrow(/neither a GGUF file nor a config.json/);
    mkdirSync(join(folder, "x.gguf"));
    await expect(openModelSource(folder)).rejects.toThrow(NotFoundError);
  });

  test("an incomplete checkpoint", async () => {
    const folder = tempDir();
    cpSync(join(CHECKPOINT, "config.json"), join(folder, "config.json"));
    await expect(openModelSource(folder)).rejects.toThrow(/neither model.safetensors nor/);
    cpSync(join(CHECKPOINT, "model.safetensors"), join(folder, "model.safetensors"));
    const { notes } = await openModelSource(folder);
    expect(notes).toEqual(["tokenizer.json is missing: the model cannot read text"]);
  });

  test.each<[string, Buffer, RegExp]>([
    [
      "tensor type",
      new GgufImage().start(1, 0).tensor("t", [256], 13, 0).data(176),
      /tensor type Q5_K in t is not/,
    ],
    [
      "dimensions",
      new GgufImage().start(1, 0).tensor("t", [2, 2, 2], 0, 0).data(32),
      /t has 3 dimensions/,
    ],
    [
      "parts",
      new GgufImage().start(0, 1).string("split.count").u32(2).raw("\x03\x00").data(0),
      /one of 3 parts/,
    ],
  ])("unsupported: %s", async (_, bytes, message) => {
    const opening = openModelSource(file(bytes));
    await expect(opening).rejects.toThrow(UnsupportedError);
    await expect(opening).rejects.toThrow(message);
  });

  test("a GGUF file without tensors", async () => {
    const path = file(new GgufImage().start(0, 0).data(0));
    await expect(openModelSource(path)).rejects.toThrow(`${basename(path)} holds no tensors`);
  });
});
