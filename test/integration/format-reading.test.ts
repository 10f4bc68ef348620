import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { I2sLayout } from "../../src/checkpoint/encodings.ts";
import { openModelSource } from "../../src/checkpoint/open.ts";
import { chooseTile } from "../../src/checkpoint/tl-tiles.ts";
import { UnsupportedError } from "../../src/errors.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import type { MetadataEntry } from "../../src/gguf/types.ts";
import { openGgufWriter } from "../../src/gguf/writer.ts";
import { bitsOf } from "../support/compare.ts";
import { convertTo } from "../support/converted.ts";
import { type EvaluateOptions, evaluate } from "../support/evaluate.ts";
import { tensorData } from "../support/gguf.ts";
import { makeModel } from "../support/make-model.ts";
import { marksOf, type RewriteOptions, rewriteProjections } from "../support/rewrite.ts";
import { suiteDir, tempDir } from "../support/temp-dir.ts";

// What a file leaves open or says in a way of its own: layouts, tiles, ids that several programs use.

const IDS = [3, 1, 4, 1, 5, 9, 2, 6];
const SHAPE = { dModel: 256, dFf: 512, nHeads: 4, nKvHeads: 2, nLayers: 1, vocabSize: 300 };

const folder = suiteDir();
const numbers = join(folder, "numbers.gguf");
let bits: Buffer;

beforeAll(async () => {
  const checkpoint = join(folder, "model");
  await makeModel({ output: checkpoint, family: "bitnet-b1.58", format: "packed", shape: SHAPE });
  bits = bitsOf(await evaluate(checkpoint, IDS));
  await convertTo(checkpoint, { outtype: "f32", output: numbers });
});

async function rewritten(options: RewriteOptions): Promise<string> {
  const path = join(tempDir(), "m.gguf");
  await rewriteProjections(numbers, path, options);
  return path;
}

async function isSame(path: string, options: EvaluateOptions = {}): Promise<boolean> {
  return bitsOf(await evaluate(path, IDS, options)).equals(bits);
}

const string = (value: string): MetadataEntry => ({ type: "string", value });

describe("the layout of I2_S", () => {
  const LAYOUTS: readonly I2sLayout[] = ["i2_s_group64", "i2_s_row4", "i2_s_seq_hi", "i2_s_seq_lo"];

  it.each(LAYOUTS)("%s is what the user says", async (layout) => {
    const path = await rewritten({ encoding: layout });
    expect(await isSame(path, { i2sLayout: layout })).toBe(true);
    // Nothing in the bytes tells: taken for the usual layout, the file is another model.
    expect(await isSame(path)).toBe(false);
    const model = await openModelSource(path, { i2sLayout: layout });
    const { output } = await convertTo(model, { outtype: "i2_s", verify: true });
    expect(await isSame(output)).toBe(true);
  });

  it("is what the file says, unless the user says otherwise", async () => {
    const encoding = "i2_s_row4";
    const path = await rewritten({ encoding, metadata: marksOf(encoding) });
    expect(await isSame(path)).toBe(true);
    expect(await isSame(path, { i2sLayout: "i2_s" })).toBe(false);
    // The output has the usual layout, and says nothing.
    const { output } = await convertTo(path, { outtype: "i2_s" });
    expect((await readGguf(output)).metadata.has("bitnet.i2_s.layout")).toBe(false);
    expect(await isSame(output)).toBe(true);
  });

  it("has a name that is known", async () => {
    const metadata = { "bitnet.i2_s.layout": string("spiral") };
    const path = await rewritten({ encoding: "i2_s", metadata });
    await expect(openModelSource(path)).rejects.toThrow(UnsupportedError);
    await expect(openModelSource(path)).rejects.toThrow(
      "bitnet.i2_s.layout is spiral; the layouts known are group128, group64, row4, seq_hi, seq_lo",
    );
  });
});

describe.each(["tl1", "tl2"] as const)("the tiles of %s", (encoding) => {
  const other = (rows: number) => ({ rows, cols: encoding === "tl1" ? 64 : 192, innerRows: 32 });
  const silent = { "bitnet.tl.tiles": undefined };

  it("are what the file says", async () => {
    expect(await isSame(await rewritten({ encoding }))).toBe(true);
    expect(await isSame(await rewritten({ encoding, tile: other }))).toBe(true);
  });

  it("are asked for where nobody knows them", async () => {
    const path = await rewritten({ encoding, metadata: silent });
    await expect(openModelSource(path)).rejects.toThrow(UnsupportedError);
    await expect(openModelSource(path)).rejects.toMatchObject({
      message: `the tiles of blk.0.attn_q.weight [256, 256] (${encoding}) are not in the file, and no table has them`,
      hint: `name them: bitnet convert ${path} --tl-tiles 256,256,BM,BK,bm`,
    });
  });

  it("are what the user says, and must fit", async () => {
    const path = await rewritten({ encoding, metadata: silent });
    const { tensors } = await openModelSource(numbers);
    const tlTiles = tensors
      .filter(({ name, rows }) => name.startsWith("blk.") && rows > 1)
      .map(({ rows, cols }) => ({ rows, cols, tile: chooseTile(encoding, rows, cols) }));
    expect(await isSame(path, { tlTiles })).toBe(true);
    const tall = tlTiles.map((entry) => ({ ...entry, tile: { ...entry.tile, rows: 96 } }));
    await expect(openModelSource(path, { tlTiles: tall })).rejects.toThrow(
      `the tiles of blk.0.attn_q.weight do not fit ${encoding}: rows 256 must be a multiple of BM 96`,
    );
    // Tiles that fit and are not the file's: valid codes, another model.
    const moved = tlTiles.map(({ rows, cols }) => ({ rows, cols, tile: other(rows) }));
    const found = await evaluate(path, IDS, { tlTiles: moved }).then(
      (values) => bitsOf(values).equals(bits),
      () => false,
    );
    expect(found).toBe(false);
  });

  it("are written into files of ours, also when they are the user's", async () => {
    const tlTiles = [{ rows: 512, cols: 256, tile: other(64) }];
    const { output } = await convertTo(numbers, { outtype: encoding, tlTiles, verify: true });
    const entry = (await readGguf(output)).metadata.get("bitnet.tl.tiles");
    expect(entry?.value).toContain(`512,256,64,${other(64).cols},32`);
    expect(await isSame(output)).toBe(true);
    const misfit = [{ rows: 512, cols: 256, tile: { rows: 96, cols: 96, innerRows: 32 } }];
    await expect(convertTo(numbers, { outtype: encoding, tlTiles: misfit })).rejects.toThrow(
      /^blk\.0\.ffn_gate\.weight: --tl-tiles do not fit: rows 512 must be a multiple of BM 96/,
    );
  });
});

describe("ids that several programs use", () => {
  it.each([
    ["TL2, as bitnet.cpp had it", { encoding: "tl2", typeId: 39 }],
    ["TL2, as its later fork has it", { encoding: "tl2", typeId: 42 }],
    ["Q2_0", { encoding: "q2_0", typeId: 42 }],
    ["Q2_0 in groups of 128, of older files", { encoding: "q2_0_g128", typeId: 42 }],
    ["PQ2_0", { encoding: "q2_0_g128", typeId: 142 }],
    ["PTQ1_0", { encoding: "ptq1_0", typeId: 143 }],
    ["Q2_0 in groups of 128, scales last", { encoding: "q2_0_g128_d_last", typeId: 42 }],
  ] as const)("%s", async (_, options) => {
    const path = await rewritten({ ...options, metadata: marksOf(options.encoding) });
    const { tensors } = await openModelSource(path);
    const projections = tensors.filter(({ name, rows }) => rows > 1 && name.startsWith("blk."));
    expect(new Set(projections.map(({ encoding }) => encoding))).toEqual(
      new Set([options.encoding]),
    );
    expect(await isSame(path)).toBe(true);
    const { output } = await convertTo(path, { outtype: "q2_0", verify: true });
    const version = (await readGguf(output)).metadata.get("general.quantization_version");
    expect(version).toEqual({ type: "uint32", value: 2 });
    expect(await isSame(output)).toBe(true);
  });
});

it("the first uploads of BitNet b1.58 call the family bitnet-25", async () => {
  const { metadata, tensors, path } = await readGguf(numbers);
  const renamed = [...metadata].map(([key, entry]): [string, MetadataEntry] => [
    key.replace(/^bitnet-b1\.58\./, "bitnet-25."),
    key === "general.architecture" ? string("bitnet-25") : entry,
  ]);
  const output = join(tempDir(), "m.gguf");
  const writer = await openGgufWriter(output, new Map(renamed), tensors);
  const file = await readGguf(path);
  for (const { name } of tensors) await writer.append(name, tensorData(file, name));
  await writer.finish();
  expect(await isSame(output)).toBe(true);
  const folderOutput = (await convertTo(output, { outtype: "safetensors", verify: true })).output;
  expect(await isSame(folderOutput)).toBe(true);
});
