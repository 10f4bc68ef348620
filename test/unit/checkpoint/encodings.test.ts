import { describe, expect, test } from "vitest";
import {
  ENCODINGS,
  encodingOf,
  ggufTypeOf,
  I2S_LAYOUTS,
  payloadBytes,
  rowMultiple,
} from "../../../src/checkpoint/encodings.ts";
import type { Encoding } from "../../../src/checkpoint/source.ts";
import { TENSOR_TYPES, tensorBytes } from "../../../src/gguf/tensor-types.ts";

const NAMES = Object.keys(ENCODINGS) as Encoding[];
const IN_GGUF = NAMES.filter((name) => ENCODINGS[name].ggufTypes.length > 0);

describe.each(IN_GGUF)("%s", (encoding) => {
  test.each([
    [64, 512],
    [32, 256],
    [96, 768],
  ])("[%i, %i]: as many bytes as the types of GGUF have", (rows, cols) => {
    const { ggufTypes, tailBytes } = ENCODINGS[encoding];
    const payload = payloadBytes(encoding, rows, cols) ?? Number.NaN;
    for (const type of TENSOR_TYPES.filter(({ name }) => ggufTypes.includes(name))) {
      expect(tensorBytes(type, [cols, rows]), type.name).toBe(payload + tailBytes);
    }
  });

  test("is what its type of GGUF is read as", () => {
    const layout = encoding.startsWith("i2_s") ? (encoding as "i2_s") : "i2_s";
    expect(encodingOf(ggufTypeOf(encoding), layout)).toBe(encoding);
  });
});

test("what cannot be computed with has no encoding", () => {
  for (const name of ["Q1_0", "STQ1_0", "Q5_K", "IQ2_BN_R4"]) {
    const type = TENSOR_TYPES.find((one) => one.name === name);
    expect(type && encodingOf(type, "i2_s"), name).toBeUndefined();
  }
});

test("sizes of shapes that do not fill whole blocks", () => {
  expect(payloadBytes("tq2_0", 4, 128)).toBeUndefined();
  expect(payloadBytes("q2_0", 4, 96)).toBeUndefined();
  expect(payloadBytes("i2_s", 2, 64)).toBe(32);
  expect(payloadBytes("i2_s", 3, 64)).toBeUndefined();
  expect(payloadBytes("tl2", 32, 128)).toBeUndefined();
  expect(payloadBytes("iq2_bn", 3, 128)).toBe(3 * (4 + 2 * 16));
});

test("rows that can be cut off", () => {
  const tile = { rows: 64, cols: 128, innerRows: 32 };
  expect(rowMultiple("q2_0", 100, undefined)).toBe(1);
  expect(rowMultiple("i2_s", 256, undefined)).toBe(1);
  expect(rowMultiple("i2_s", 64, undefined)).toBe(2);
  expect(rowMultiple("i2_s", 8640, undefined)).toBe(2);
  expect(rowMultiple("i2_s_row4", 100, undefined)).toBe(4);
  expect(rowMultiple("tl1", 256, tile)).toBe(64);
  expect(rowMultiple("tl2", 256, tile)).toBeUndefined();
  expect(rowMultiple("hf_packed", 256, undefined)).toBeUndefined();
});

test("layouts have names for users", () => {
  expect(Object.values(I2S_LAYOUTS).sort()).toEqual(
    NAMES.filter((name) => name.startsWith("i2_s")).sort(),
  );
});
