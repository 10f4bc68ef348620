import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { EMBD_TYPES } from "../../src/convert/out-types.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import { tensorTypeByName } from "../../src/gguf/tensor-types.ts";
import type { GgufTensor } from "../../src/gguf/types.ts";
import { openGgufWriter } from "../../src/gguf/writer.ts";
import { BLOCK_FORMATS, type BlockFormat, decodeBlocks } from "../support/block-decoders.ts";
import { bitsOf, deviation, rowsOf } from "../support/compare.ts";
import { convertTo, floatsOf } from "../support/converted.ts";
import { evaluate } from "../support/evaluate.ts";
import { tensorData } from "../support/gguf.ts";
import { makeModel } from "../support/make-model.ts";
import { seededRandom } from "../support/random.ts";
import { FORMATS } from "../support/support-matrix.ts";
import { suiteDir, tempDir } from "../support/temp-dir.ts";

// Embeddings and output matrices in every type that they may have, read and written.

const IDS = [3, 1, 4, 1, 5, 9, 2, 6];
const SHAPE = { dModel: 256, dFf: 256, nHeads: 4, nKvHeads: 2, nLayers: 1, vocabSize: 300 };
const EMBEDDING = "token_embd.weight";
const OUTPUT = "output.weight";

const folder = suiteDir();
const checkpoint = join(folder, "model");
const numbers = join(folder, "numbers.gguf");
let bits: Buffer;

beforeAll(async () => {
  await makeModel({ output: checkpoint, family: "bitnet-b1.58", format: "packed", shape: SHAPE });
  bits = bitsOf(await evaluate(checkpoint, IDS));
  await convertTo(checkpoint, { outtype: "f32", output: numbers });
});

/** Blocks of random codes and scales, the f16 numbers between 1/1024 and 1/512. */
function randomBlocks({ blockElems, blockBytes, halves }: BlockFormat, seed: number): Buffer {
  const random = seededRandom(seed);
  const blocks = (SHAPE.vocabSize * SHAPE.dModel) / blockElems;
  const bytes = Buffer.from(Array.from({ length: blocks * blockBytes }, () => random(256)));
  for (let i = 0; i < blocks; i++) {
    for (const at of halves) bytes.writeUInt16LE(0x1400 + random(0x400), i * blockBytes + at);
  }
  return bytes;
}

/** The model with another matrix for what `name` says; without one of its own, the embedding is the output
 *  matrix as well. */
async function withMatrix(name: string, typeName: string, bytes: Buffer): Promise<string> {
  const file = await readGguf(numbers);
  const type = tensorTypeByName(typeName);
  if (!type) throw new Error(`no type ${typeName}`);
  const matrix = { name, dims: [SHAPE.dModel, SHAPE.vocabSize], type };
  const others = file.tensors.filter((tensor) => tensor.name !== name);
  const output = join(tempDir(), "m.gguf");
  const writer = await openGgufWriter(output, file.metadata, [matrix, ...others]);
  await writer.append(name, bytes);
  for (const other of others) await writer.append(other.name, tensorData(file, other.name));
  await writer.finish();
  return output;
}

const QUANTISED = Object.entries(BLOCK_FORMATS) as [keyof typeof BLOCK_FORMATS, BlockFormat][];

/** The engine multiplies these with inputs in int8 blocks; it expands the others to single precision. */
const IN_INTEGERS: readonly string[] = ["q8_0", "q6_k"];

describe.each(QUANTISED)("%s", (name, format) => {
  it.each([
    ["embeddings", EMBEDDING],
    ["an output matrix", OUTPUT],
  ])("as %s is computed with as the numbers that it holds", async (_, tensor) => {
    const bytes = randomBlocks(format, name.length);
    const path = await withMatrix(tensor, name.toUpperCase(), bytes);
    const { output } = await convertTo(path, { outtype: "f32", embdType: "f32" });
    const decoded = floatsOf(await readGguf(output), tensor);
    expect(bitsOf(decoded).equals(bitsOf(decodeBlocks(format, bytes)))).toBe(true);

    const [ours, expected] = [await evaluate(path, IDS), await evaluate(output, IDS)];
    if (!IN_INTEGERS.includes(name)) {
      expect(bitsOf(ours).equals(bitsOf(expected))).toBe(true);
      return;
    }
    const rows = (values: Float32Array) => rowsOf(values, SHAPE.vocabSize);
    const spread = Math.sqrt(expected.reduce((sum, v) => sum + v * v, 0) / expected.length);
    expect(deviation(rows(expected), rows(ours)).maxAbs).toBeLessThan(0.05 * spread);
  });
});

describe("--embd-type", () => {
  const EXACT: readonly string[] = ["f16", "bf16", "f32"];
  const typeOf = (tensors: readonly GgufTensor[]) =>
    tensors.find(({ name }) => name === EMBEDDING)?.type.name;

  it.each(EMBD_TYPES)("%s is written and read", async (embdType) => {
    const result = await convertTo(checkpoint, { outtype: "i2_s", embdType, verify: true });
    const file = await readGguf(result.output);
    expect(typeOf(file.tensors)).toBe(embdType.toUpperCase());
    const found = await evaluate(result.output, IDS);
    if (EXACT.includes(embdType)) {
      expect(result.verification?.rounded).toEqual([]);
      expect(bitsOf(found).equals(bits)).toBe(true);
      return;
    }
    // Rounding numbers of embeddings is what was asked for: no loss of ternary weights, and it is told.
    expect(result.loss).toBeUndefined();
    expect(result.verification?.rounded).toMatchObject([{ tensor: EMBEDDING, to: embdType }]);
    expect(found.every(Number.isFinite)).toBe(true);
    const { output } = await convertTo(result.output, { outtype: "i2_s", embdType: "f32" });
    const decoded = floatsOf(await readGguf(output), EMBEDDING);
    const format = BLOCK_FORMATS[embdType as keyof typeof BLOCK_FORMATS];
    const expected = decodeBlocks(format, tensorData(file, EMBEDDING));
    expect(bitsOf(decoded).equals(bitsOf(expected))).toBe(true);
  });

  it("is the list of the support matrix", () => {
    const rows = FORMATS.filter(({ holds, container }) => holds !== "projections" && container);
    const written = rows.flatMap(({ writes }) => writes ?? []);
    expect(written.toSorted()).toEqual([...EMBD_TYPES].sort());
    const read = rows.flatMap(({ encodings }) => encodings);
    expect(read.toSorted()).toEqual(["f32", "f16", "bf16", ...Object.keys(BLOCK_FORMATS)].sort());
  });
});
