import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModelSource } from "../../src/checkpoint/open.ts";
import { type ConvertOptions, convertModel } from "../../src/convert/pipeline.ts";
import { loadAddon } from "../../src/engine/load-addon.ts";
import { ModelFormatError } from "../../src/errors.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import type { GgufFile } from "../../src/gguf/types.ts";
import { tensorData, tensorHashes } from "../support/gguf.ts";
import { goldenPath } from "../support/golden.ts";
import { referenceAddon } from "../support/reference-addon.ts";
import { tempDir } from "../support/temp-dir.ts";

const FORMS = ["models/a-packed", "models/a-master-bf16", "gguf/a.i2_s.gguf"];

async function convert(input: string, options: Partial<ConvertOptions>): Promise<GgufFile> {
  const output = join(tempDir(), "out.gguf");
  const model = await openModelSource(input);
  await convertModel(model, { outtype: "i2_s", addon: loadAddon(), output, ...options });
  return readGguf(output);
}

describe("convert with the native addon", () => {
  test.each(FORMS)("%s to I2_S equals the golden file but for undefined bytes", async (input) => {
    const golden = await readGguf(goldenPath("gguf/a.i2_s.gguf"));
    const file = await convert(goldenPath(input), {});
    expect(file.tensors.map(({ name }) => name)).toEqual(golden.tensors.map(({ name }) => name));
    for (const { name, type } of golden.tensors) {
      const end = type.name === "I2_S" ? -28 : undefined;
      const same = tensorData(file, name)
        .subarray(0, end)
        .equals(tensorData(golden, name).subarray(0, end));
      expect(same, name).toBe(true);
    }
  });

  test.each([
    { outtype: "i2_s", embdType: "q8_0" },
    { outtype: "f16", embdType: "f32" },
    { outtype: "f32", embdType: "f16" },
  ] as const)("%o: native and plain code agree on every byte", async (types) => {
    for (const form of FORMS) {
      const native = await convert(goldenPath(form), types);
      const plain = await convert(goldenPath(form), { ...types, addon: referenceAddon() });
      expect(tensorHashes(native)).toEqual(tensorHashes(plain));
    }
  });

  test("Q6_K embeddings", async () => {
    const file = await convert(goldenPath("models/a-packed"), { embdType: "q6_k" });
    const embedding = file.tensors.find(({ name }) => name === "token_embd.weight");
    expect(embedding?.type.name).toBe("Q6_K");
    expect(embedding?.bytes).toBe(512 * 210);
  });

  test("errors of native code are ours", async () => {
    const model = await openModelSource(goldenPath("models/a-packed"));
    const embedding = model.tensors.find(({ name }) => name === "token_embd.weight");
    if (!embedding) throw new Error("no embedding");
    // Float bytes are no valid codes.
    const tensors = [
      { ...embedding, encoding: "hf_packed", name: "blk.0.w", scale: 1 } as const,
    ].map((tensor) => ({ ...tensor, rows: 512, cols: 256, bytes: 128 * 256 }));
    const output = join(tempDir(), "out.gguf");
    const options = { outtype: "i2_s", addon: loadAddon(), output } as const;
    const failing = convertModel({ ...model, tensors }, options);
    await expect(failing).rejects.toThrow(ModelFormatError);
    await expect(failing).rejects.toThrow(/invalid ternary code/);
  });
});
