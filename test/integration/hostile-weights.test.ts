import { closeSync, copyFileSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openModelSource } from "../../src/checkpoint/open.ts";
import type { Encoding } from "../../src/checkpoint/source.ts";
import { fromNative, ModelFormatError } from "../../src/errors.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import { convertTo } from "../support/converted.ts";
import { evaluate, evaluateSource } from "../support/evaluate.ts";
import { makeModel } from "../support/make-model.ts";
import { marksOf, rewriteProjections } from "../support/rewrite.ts";
import { suiteDir, tempDir } from "../support/temp-dir.ts";

// Bytes that no writer makes, where only a reader of the weights can see them: refused with the tensor's
// name and the place, by the engine and by the converter alike.

const IDS = [1, 2, 3];
const SHAPE = { dModel: 256, dFf: 512, nHeads: 4, nKvHeads: 2, nLayers: 1, vocabSize: 300 };
const TENSOR = "blk.0.ffn_up.weight";

const folder = suiteDir();
const checkpoint = join(folder, "model");
const numbers = join(folder, "numbers.gguf");

beforeAll(async () => {
  await makeModel({ output: checkpoint, family: "bitnet-b1.58", format: "packed", shape: SHAPE });
  await convertTo(checkpoint, { outtype: "f32", output: numbers });
});

/** A copy of a file with other bytes `at` an offset in a tensor, counted from its end when negative. */
async function damaged(path: string, bytes: readonly number[], at: number, tensor = TENSOR) {
  const copy = join(tempDir(), "damaged.gguf");
  copyFileSync(path, copy);
  const found = (await readGguf(path)).tensors.find(({ name }) => name === tensor);
  if (!found) throw new Error(`no ${tensor}`);
  const file = openSync(copy, "r+");
  writeSync(
    file,
    Uint8Array.from(bytes),
    0,
    bytes.length,
    found.offset + at + (at < 0 ? found.bytes : 0),
  );
  closeSync(file);
  return copy;
}

async function written(encoding: Encoding): Promise<string> {
  const path = join(tempDir(), "whole.gguf");
  await rewriteProjections(numbers, path, { encoding, metadata: marksOf(encoding) });
  return path;
}

/** Both readers refuse it, and name the tensor. */
async function expectRefusal(path: string, message: RegExp): Promise<void> {
  const loading = evaluate(path, IDS).catch((error) => Promise.reject(fromNative(error)));
  await expect(loading).rejects.toThrow(ModelFormatError);
  await expect(loading).rejects.toThrow(message);
  await expect(loading).rejects.toThrow(TENSOR);
  const converting = convertTo(path, { outtype: "f32" });
  await expect(converting).rejects.toThrow(ModelFormatError);
  await expect(converting).rejects.toThrow(TENSOR);
}

/** Where the first byte of codes lies. Base-3 bytes are all valid. */
const CODES: readonly (readonly [Encoding, number])[] = [
  ["i2_s", 0],
  ["i2_s_group64", 0],
  ["i2_s_row4", 0],
  ["i2_s_seq_hi", 0],
  ["i2_s_seq_lo", 0],
  ["tl1", 0],
  ["tl2", 0],
  ["tq2_0", 0],
  ["q2_0", 2],
  ["q2_0_g128", 2],
  ["q2_0_g128_d_last", 0],
  ["iq2_bn", 4],
];

/** Where the first scale lies, and a scale that is no number. */
const NAN_F16 = [0x00, 0x7e];
const NAN_F32 = [0x00, 0x00, 0xc0, 0x7f];
const INFINITE_F16 = [0x00, 0x7c];
const SCALES: readonly (readonly [Encoding, number, readonly number[]])[] = [
  ["i2_s", -32, NAN_F32],
  ["i2_s_row4", -32, NAN_F32],
  ["tl1", -32, NAN_F32],
  ["tl2", -32, NAN_F32],
  ["tq1_0", 52, NAN_F16],
  ["tq2_0", 64, INFINITE_F16],
  ["q2_0", 0, NAN_F16],
  ["q2_0_g128", 0, INFINITE_F16],
  ["q2_0_g128_d_last", 32, NAN_F16],
  ["ptq1_0", 26, NAN_F16],
  ["iq2_bn", 0, NAN_F32],
  ["iq1_bn", 0, NAN_F16],
];

describe("codes that stand for no trit", () => {
  it.each(CODES)("%s", async (encoding, at) => {
    const path = await damaged(await written(encoding), [0xff], at);
    await expectRefusal(
      path,
      /invalid ternary code 3 in \w+ row 0, column 0|codes that are not ter/,
    );
  });
});

describe("scales that are no numbers", () => {
  it.each(SCALES)("%s", async (encoding, at, bytes) => {
    const path = await damaged(await written(encoding), bytes, at);
    await expectRefusal(path, /scale .*is not a finite number/);
  });
});

describe("numbers in the place of ternary weights", () => {
  it("that are none", async () => {
    const path = await damaged(numbers, NAN_F32, 256 * 4 * 3 + 4 * 5);
    await expectRefusal(path, /weight in row 3, column 5 is not finite/);
  });

  it("that are not ternary", async () => {
    const path = await damaged(numbers, [0, 0, 0x80, 0x3f], 256 * 4 * 3 + 4 * 5);
    const loading = evaluate(path, IDS);
    await expect(loading).rejects.toThrow(`tensor ${TENSOR} is not ternary`);
    await expect(loading).rejects.toMatchObject({ hint: expect.stringMatching("bitnet convert") });
    await expect(convertTo(path, { outtype: "i2_s" })).rejects.toThrow(
      `${TENSOR} holds float weights that are not ternary`,
    );
  });
});

it("norms that are no numbers", async () => {
  const name = "blk.0.ffn_norm.weight";
  const path = await damaged(numbers, NAN_F32, 0, name);
  await expect(evaluate(path, IDS)).rejects.toThrow(
    `tensor ${name}: holds a value that is not a finite number`,
  );
});

describe("tensors that do not fit the model", () => {
  it("in shape", async () => {
    const model = await openModelSource(numbers);
    const metadata = new Map(model.metadata);
    metadata.set("bitnet-b1.58.feed_forward_length", { type: "uint32", value: 384 });
    await expect(evaluateSource({ ...model, metadata }, IDS)).rejects.toThrow(
      /tensor blk\.0\.ffn_\w+\.weight: shape is \[\d+, \d+\], the model needs \[\d+, \d+\]/,
    );
  });

  it("in number", async () => {
    const model = await openModelSource(numbers);
    const tensors = model.tensors.filter(({ name }) => name !== TENSOR);
    await expect(evaluateSource({ ...model, tensors }, IDS)).rejects.toThrow(
      `tensor ${TENSOR} is missing`,
    );
  });

  it("in length", async () => {
    const model = await openModelSource(numbers);
    const tensors = model.tensors.map((one) => (one.name === TENSOR ? { ...one, bytes: 64 } : one));
    await expect(evaluateSource({ ...model, tensors }, IDS)).rejects.toThrow(
      `tensor ${TENSOR}: reaches beyond its file (truncated?)`,
    );
  });
});

describe("packed checkpoints", () => {
  it("with codes that stand for no trit", async () => {
    const model = await openModelSource(checkpoint);
    const tensor = model.tensors.find(({ name }) => name === TENSOR);
    const copy = join(tempDir(), "model.safetensors");
    copyFileSync(model.files[0] ?? "", copy);
    const file = openSync(copy, "r+");
    writeSync(file, Uint8Array.of(0xff), 0, 1, tensor?.offset);
    closeSync(file);
    const damagedModel = { ...model, files: [copy] };
    await expect(evaluateSource(damagedModel, IDS)).rejects.toThrow(
      `tensor ${TENSOR}: invalid ternary code 3 in hf_packed row 0, column 0`,
    );
    await expect(convertTo(damagedModel, { outtype: "i2_s" })).rejects.toThrow(
      `${TENSOR}: invalid ternary code 3 in hf_packed row 0, column 0`,
    );
  });
});
