import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { payloadBytes } from "../../../src/checkpoint/encodings.ts";
import type { Encoding, TensorSource } from "../../../src/checkpoint/source.ts";
import { BufferPool } from "../../../src/convert/buffer-pool.ts";
import { mapAhead } from "../../../src/convert/map-ahead.ts";
import { CodeRows, cutRows, FileRows } from "../../../src/convert/row-source.ts";
import { type OpenFile, openFile } from "../../../src/gguf/files.ts";
import { seededRandom } from "../../support/random.ts";
import { referenceAddon } from "../../support/reference-addon.ts";
import { tempDir } from "../../support/temp-dir.ts";

const OFFSET = 1000;

function source(encoding: Encoding, rows: number, cols: number): TensorSource {
  const bytes = payloadBytes(encoding, rows, cols) ?? 0;
  return { name: "t", rows, cols, encoding, file: 0, offset: OFFSET, bytes };
}

/** Random valid bytes: codes 0 to 2, or finite floats. */
function randomData({ encoding, bytes }: TensorSource): Buffer {
  const random = seededRandom(3);
  const data = Buffer.alloc(bytes);
  const isTernary = encoding.startsWith("i2_s") || encoding === "hf_packed";
  for (let i = 0; i < bytes; i++) {
    const codes = [0, 2, 4, 6].reduce((byte, shift) => byte | (random(3) << shift), 0);
    data[i] = isTernary ? codes : i % 2 === 1 ? 0x38 + random(4) : random(256);
  }
  return data;
}

/** A file with the bytes of a tensor at `OFFSET`. */
async function fileOf(data: Buffer): Promise<OpenFile> {
  const path = join(tempDir(), "data");
  writeFileSync(path, Buffer.concat([Buffer.alloc(OFFSET), data]));
  return openFile(path);
}

function rowsOf(file: OpenFile, tensor: TensorSource): FileRows {
  const reading = { from: tensor.encoding, cols: tensor.cols, scale: 0.01 };
  return new FileRows(file, tensor, reading, new BufferPool());
}

async function anyFile(): Promise<OpenFile> {
  return fileOf(Buffer.alloc(0));
}

describe("cutRows", () => {
  test("covers the tensor once, in order, in blocks of about the wanted size", async () => {
    await using file = await anyFile();
    const cuts = cutRows(rowsOf(file, source("bf16", 128_256, 2560)), "f16");
    let end = 0;
    for (const { row, rows } of cuts) {
      expect(row).toBe(end);
      end += rows;
    }
    expect(end).toBe(128_256);
    expect(Math.max(...cuts.map(({ rows }) => rows * 2560 * 2))).toBeLessThanOrEqual(8 * 2 ** 20);
    expect(cuts.length).toBeLessThan(100);
  });

  test("a block of packed rows lies in one quarter", async () => {
    await using file = await anyFile();
    const quarterRows = 6912 / 4;
    const cuts = cutRows(rowsOf(file, source("hf_packed", 6912, 2560)), "f32");
    const quarters = cuts.map(({ row }) => Math.floor(row / quarterRows));
    expect(new Set(quarters)).toEqual(new Set([0, 1, 2, 3]));
    for (const { row, rows } of cuts) {
      expect(Math.floor((row + rows - 1) / quarterRows)).toBe(Math.floor(row / quarterRows));
    }
  });

  test.each<[Encoding, Encoding, number, number, number]>([
    ["hf_packed", "i2_s", 64, 256, 1],
    ["hf_packed", "f16", 64, 192, 1],
    ["i2_s", "i2_s", 48, 256, 1],
    ["i2_s", "f32", 40, 128, 1],
    ["i2_s_row4", "i2_s", 64, 128, 4],
    ["i2_s_group64", "i2_s", 128, 128, 1],
    ["i2_s_seq_lo", "i2_s", 128, 128, 1],
    ["bf16", "f32", 128, 44, 1],
    ["f16", "q8_0", 9, 64, 1],
  ])("%s to %s: blocks joined equal the whole [%i, %i]", async (from, to, rows, cols, unit) => {
    const tensor = source(from, rows, cols);
    await using file = await fileOf(randomData(tensor));
    const addon = referenceAddon();
    const convert = async (blockBytes: number): Promise<Buffer> => {
      const parts: Uint8Array[] = [];
      const tensorRows = rowsOf(file, tensor);
      for (const { row, rows: n } of cutRows(tensorRows, to, unit, blockBytes)) {
        const { spec, release } = await tensorRows.read(row, n);
        const request = { ...spec, to, toScale: 0.01, allowLossy: true };
        parts.push((await addon.convert(request)).bytes);
        release();
      }
      return Buffer.concat(parts);
    };
    const whole = await convert(2 ** 30);
    expect(whole.length).toBe(payloadBytes(to, rows, cols));
    for (const blockBytes of [1, 300, 2000]) {
      expect((await convert(blockBytes)).equals(whole), `${blockBytes}`).toBe(true);
    }
    expect(addon.calls.convert).toBeGreaterThan(3);
  });
});

describe("reading rows", () => {
  test("bytes stay valid until they are released, while later ones are read", async () => {
    const tensor = source("f32", 100, 25);
    const data = randomData(tensor);
    await using file = await fileOf(data);
    const tensorRows = rowsOf(file, tensor);
    const rows = Array.from({ length: 100 }, (_, row) => row);
    let row = 0;
    for await (const { spec, release } of mapAhead(rows, (one) => tensorRows.read(one, 1))) {
      expect(Buffer.from(spec.data).equals(data.subarray(100 * row, 100 * row + 100))).toBe(true);
      release();
      row++;
    }
    expect(row).toBe(100);
  });

  test("released buffers are taken again", () => {
    const pool = new BufferPool();
    const first = pool.take(1000);
    first.release();
    first.release();
    const second = pool.take(500);
    expect(second.bytes.buffer).toBe(first.bytes.buffer);
    expect(pool.take(500).bytes.buffer).not.toBe(first.bytes.buffer);
  });

  test("codes in memory are cut without copies", async () => {
    const codes = new Uint8Array(64).map((_, i) => i);
    const { spec } = await new CodeRows(codes, 8, 32, 0.5).read(2, 3);
    expect(spec).toMatchObject({ from: "i2_s_seq_hi", rows: 3, cols: 32, scale: 0.5 });
    expect([...spec.data]).toEqual(Array.from({ length: 24 }, (_, i) => 16 + i));
  });

  test("a failed read is reported at its turn, and leaving early waits for what is under way", async () => {
    const tensor = source("f32", 3, 25);
    await using file = await fileOf(Buffer.alloc(250));
    const tensorRows = rowsOf(file, tensor);
    const seen: number[] = [];
    const readAll = async (): Promise<void> => {
      let row = 0;
      for await (const read of mapAhead([0, 1, 2], (one) => tensorRows.read(one, 1))) {
        seen.push(row++);
        read.release();
      }
    };
    await expect(readAll()).rejects.toThrow(/truncated: .* ends at byte 1250, expected 50 more/);
    expect(seen).toEqual([0, 1]);
    for await (const _ of mapAhead([0, 1, 2], (one) => tensorRows.read(one, 1))) break;
  });
});
