import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import { type ConvertOptions, convertModel } from "../../../src/convert/pipeline.ts";
import {
  CancelledError,
  ModelFormatError,
  UnsupportedError,
  UsageError,
} from "../../../src/errors.ts";
import { readGguf } from "../../../src/gguf/reader.ts";
import type { GgufFile } from "../../../src/gguf/types.ts";
import { tensorData } from "../../support/gguf.ts";
import { goldenPath } from "../../support/golden.ts";
import { referenceAddon } from "../../support/reference-addon.ts";
import { halfToNumber } from "../../support/reference-numbers.ts";
import { tempDir } from "../../support/temp-dir.ts";

const PACKED = goldenPath("models/a-packed");
const MASTERS = goldenPath("models/a-master-bf16");
const GOLDEN = goldenPath("gguf/a.i2_s.gguf");

async function convert(input: string, options: Partial<ConvertOptions> = {}): Promise<GgufFile> {
  const output = options.output ?? join(tempDir(), "out.gguf");
  const model = await openModelSource(input, { prefer: "checkpoint" });
  await convertModel(model, { outtype: "i2_s", addon: referenceAddon(), ...options, output });
  return readGguf(output);
}

/** The bytes that mean something: of I2_S, all but the 28 after the scale. */
function meaning(file: GgufFile, name: string): Buffer {
  const bytes = tensorData(file, name);
  const type = file.tensors.find((tensor) => tensor.name === name)?.type.name;
  return type === "I2_S" ? bytes.subarray(0, bytes.length - 28) : bytes;
}

function expectSameTensors(actual: GgufFile, expected: GgufFile): void {
  const table = (file: GgufFile) =>
    file.tensors.map(({ name, dims, type, bytes }) => [name, dims, type.name, bytes]);
  expect(table(actual)).toEqual(table(expected));
  for (const { name } of expected.tensors) {
    expect(meaning(actual, name).equals(meaning(expected, name)), name).toBe(true);
  }
}

describe("convertModel to I2_S", () => {
  test.each([
    ["packed", PACKED],
    ["bf16 masters", MASTERS],
    ["GGUF", GOLDEN],
  ])("from %s: equals the golden file", async (_, input) => {
    const golden = await readGguf(GOLDEN);
    const file = await convert(input);
    expectSameTensors(file, golden);
    const without = (metadata: GgufFile["metadata"]) =>
      [...metadata].filter(([key]) => key !== "general.name");
    expect(without(file.metadata)).toEqual(without(golden.metadata));
    const tails = file.tensors.filter(({ type }) => type.name === "I2_S");
    for (const { name } of tails)
      expect(tensorData(file, name).subarray(-28)).toEqual(Buffer.alloc(28));
  });

  test("by way of F32 and F16, the same file comes back", async () => {
    const golden = await readGguf(GOLDEN);
    for (const outtype of ["f32", "f16"] as const) {
      const between = await convert(MASTERS, { outtype, embdType: "f16" });
      expect(between.metadata.get("general.file_type")?.value).toBe(outtype === "f32" ? 0 : 1);
      const back = await convert(between.path);
      expectSameTensors(back, golden);
    }
  });

  test("other layouts are brought into the canonical one", async () => {
    const model = await openModelSource(GOLDEN, { i2sLayout: "i2_s_row4" });
    const output = join(tempDir(), "out.gguf");
    await convertModel(model, { outtype: "i2_s", addon: referenceAddon(), output });
    const file = await readGguf(output);
    const golden = await readGguf(GOLDEN);
    const name = "blk.0.attn_q.weight";
    const original = tensorData(golden, name);
    const converted = tensorData(file, name);
    expect(converted.equals(original)).toBe(false);
    // Element e = row * 256 + col: four rows in one byte before, 128 elements in 32 bytes after.
    for (const e of [0, 1, 255, 256, 1023, 40_000, 65_535]) {
      const before =
        (original[Math.floor(e / 1024) * 256 + (e % 256)] ?? 0) >>
        (6 - 2 * (Math.floor(e / 256) % 4));
      const after =
        (converted[32 * Math.floor(e / 128) + (e % 32)] ?? 0) >>
        (6 - 2 * Math.floor((e % 128) / 32));
      expect(after & 3).toBe(before & 3);
    }
    expect(converted.subarray(-32, -28)).toEqual(original.subarray(-32, -28));
  });

  test("float weights that are not ternary are refused, and nothing is left", async () => {
    const floats = await convert(MASTERS, { outtype: "f32" });
    const name = "blk.1.ffn_up.weight";
    const bytes = readFileSync(floats.path);
    const offset = floats.tensors.find((tensor) => tensor.name === name)?.offset ?? 0;
    bytes.writeFloatLE(0.123, offset + 4000);
    writeFileSync(floats.path, bytes);
    const folder = tempDir();
    const failing = convert(floats.path, { output: join(folder, "out.gguf") });
    await expect(failing).rejects.toThrow(UnsupportedError);
    await expect(failing).rejects.toThrow(`${name} holds float weights that are not ternary`);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("output types", () => {
  const typeNames = (file: GgufFile): Record<string, string> =>
    Object.fromEntries(file.tensors.map(({ name, type }) => [name, type.name]));

  test.each([
    ["i2_s", undefined, "I2_S", "F16"],
    ["f16", undefined, "F16", "F16"],
    ["f32", undefined, "F32", "F32"],
    ["f32", "f16", "F32", "F16"],
    ["i2_s", "q8_0", "I2_S", "Q8_0"],
    ["i2_s", "f32", "I2_S", "F32"],
  ] as const)("%s, embeddings %s", async (outtype, embdType, linear, embedding) => {
    const types = typeNames(await convert(PACKED, { outtype, embdType }));
    expect(types["blk.0.ffn_down.weight"]).toBe(linear);
    expect(types["token_embd.weight"]).toBe(embedding);
    expect(types["blk.0.attn_sub_norm.weight"]).toBe("F32");
    expect(types["output_norm.weight"]).toBe("F32");
    expect(types).not.toHaveProperty("output.weight");
  });

  test("a quantised embedding stays as it is unless another type is asked for", async () => {
    const q8 = await convert(PACKED, { embdType: "q8_0" });
    const kept = await convert(q8.path);
    const name = "token_embd.weight";
    expect(typeNames(kept)[name]).toBe("Q8_0");
    expect(meaning(kept, name).equals(meaning(q8, name))).toBe(true);
  });

  test("ternary weights become floats with their scale", async () => {
    const file = await convert(PACKED, { outtype: "f16" });
    const golden = await readGguf(GOLDEN);
    const name = "blk.0.attn_v.weight";
    const codes = tensorData(golden, name);
    const scale = codes.readFloatLE(codes.length - 32);
    const halves = tensorData(file, name);
    const first = halves.subarray(0, 256);
    for (let e = 0; e < 128; e++) {
      const code = ((codes[e % 32] ?? 0) >> (6 - 2 * Math.floor(e / 32))) & 3;
      expect(halfToNumber(first.readUInt16LE(2 * e))).toBeCloseTo((code - 1) * scale, 3);
    }
  });

  test("a shape that does not fill the blocks of its type", async () => {
    const model = await openModelSource(PACKED);
    const tensors = model.tensors.map((tensor) =>
      tensor.name === "token_embd.weight" ? { ...tensor, rows: 1024, cols: 128 } : tensor,
    );
    const options = { outtype: "i2_s", addon: referenceAddon() } as const;
    const output = join(tempDir(), "out.gguf");
    const failing = convertModel({ ...model, tensors }, { ...options, embdType: "q6_k", output });
    await expect(failing).rejects.toMatchObject({
      message: "token_embd.weight [1024, 128] does not fill q6_k blocks of 256",
      hint: "use --embd-type f16",
    });
    const odd = model.tensors.map((tensor) =>
      tensor.name === "blk.0.attn_q.weight" ? { ...tensor, rows: 4, cols: 20 } : tensor,
    );
    await expect(convertModel({ ...model, tensors: odd }, { ...options, output })).rejects.toThrow(
      /\[4, 20\] does not fill i2_s blocks of 128/,
    );
  });
});

describe("the act of converting", () => {
  test("reports what it did, block by block", async () => {
    const calls: [number, number, string][] = [];
    const model = await openModelSource(PACKED);
    const output = join(tempDir(), "out.gguf");
    const result = await convertModel(model, {
      outtype: "i2_s",
      addon: referenceAddon(),
      output,
      onProgress: (done, total, { tensor }) => calls.push([done, total, tensor]),
    });
    expect(result.tensors).toEqual({ F16: 1, F32: 9, I2_S: 14 });
    expect(calls.at(-1)?.slice(0, 2)).toEqual([result.dataBytes, result.dataBytes]);
    expect(calls.map(([done]) => done)).toEqual(calls.map(([done]) => done).sort((a, b) => a - b));
    expect(new Set(calls.map(([, , tensor]) => tensor)).size).toBe(24);
  });

  test("cancelled at any point, it leaves nothing behind", async () => {
    const model = await openModelSource(PACKED);
    for (const after of [0, 1, 5, 23, "the last block"]) {
      const folder = tempDir();
      const controller = new AbortController();
      let blocks = 0;
      if (after === 0) controller.abort();
      const converting = convertModel(model, {
        outtype: "i2_s",
        addon: referenceAddon(),
        output: join(folder, "out.gguf"),
        signal: controller.signal,
        onProgress: (done, total) => {
          blocks++;
          if (blocks === after || done === total) controller.abort();
        },
      });
      await expect(converting).rejects.toThrow(CancelledError);
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  test("an error of the addon leaves nothing behind either", async () => {
    const folder = tempDir();
    const output = join(folder, "out.gguf");
    writeFileSync(output, "older");
    const addon = {
      ...referenceAddon(),
      convert: () => Promise.reject(new ModelFormatError("invalid ternary code 3")),
    };
    await expect(convert(PACKED, { output, addon })).rejects.toThrow("invalid ternary code 3");
    expect(readdirSync(folder)).toEqual(["out.gguf"]);
    expect(readFileSync(output, "utf8")).toBe("older");
  });

  test("a file that shrank after it was opened", async () => {
    const folder = join(tempDir(), "model");
    cpSync(PACKED, folder, { recursive: true });
    const model = await openModelSource(folder);
    writeFileSync(join(folder, "model.safetensors"), Buffer.alloc(1000));
    const output = join(tempDir(), "out.gguf");
    const options = { outtype: "i2_s", addon: referenceAddon(), output } as const;
    await expect(convertModel(model, options)).rejects.toThrow(
      /truncated: .*model.safetensors ends/,
    );
  });

  test("the output may not be the input, by whatever name", async () => {
    const folder = tempDir();
    const input = join(folder, "in.gguf");
    cpSync(GOLDEN, input);
    symlinkSync(input, join(folder, "link.gguf"));
    for (const output of [input, join(folder, "link.gguf")]) {
      await expect(convert(input, { output })).rejects.toThrow(UsageError);
    }
    expect(readFileSync(input).equals(readFileSync(GOLDEN))).toBe(true);
  });
});
