import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { payloadBytes } from "../../../src/checkpoint/encodings.ts";
import type { Encoding, TensorSource } from "../../../src/checkpoint/source.ts";
import { BLOCKS_AT_ONCE, BlockReader, blocksOf } from "../../../src/convert/blocks.ts";
import { openFile } from "../../../src/gguf/files.ts";
import { seededRandom } from "../../support/random.ts";
import { referenceAddon } from "../../support/reference-addon.ts";
import { tempDir } from "../../support/temp-dir.ts";

function source(encoding: Encoding, rows: number, cols: number): TensorSource {
  const bytes = payloadBytes(encoding, rows, cols) ?? 0;
  return { name: "t", rows, cols, encoding, file: 0, offset: 1000, bytes };
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

describe("blocksOf", () => {
  test("covers the tensor once, in order, in blocks of about the wanted size", () => {
    const tensor = source("bf16", 128_256, 2560);
    const blocks = blocksOf(tensor, "f16");
    let end = tensor.offset;
    for (const { offset, bytes } of blocks) {
      expect(offset).toBe(end);
      end += bytes;
    }
    expect(end).toBe(tensor.offset + tensor.bytes);
    expect(blocks.reduce((sum, { rows }) => sum + rows, 0)).toBe(tensor.rows);
    expect(Math.max(...blocks.map(({ bytes }) => bytes))).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(blocks.length).toBeLessThan(100);
  });

  test("passes over packed tensors once for each quarter", () => {
    const blocks = blocksOf(source("hf_packed", 6912, 2560), "f32");
    const quarters = blocks.map(({ quarter }) => quarter);
    expect(quarters).toEqual(quarters.toSorted());
    expect(new Set(quarters)).toEqual(new Set([0, 1, 2, 3]));
    for (const quarter of [0, 1, 2, 3]) {
      const pass = blocks.filter((block) => block.quarter === quarter);
      expect(pass.reduce((sum, { bytes }) => sum + bytes, 0)).toBe((6912 / 4) * 2560);
    }
  });

  test.each<[Encoding, Encoding, number, number]>([
    ["hf_packed", "i2_s", 64, 256],
    ["hf_packed", "f16", 64, 192],
    ["hf_packed", "i2_s", 64, 72],
    ["i2_s", "i2_s", 48, 96],
    ["i2_s", "f32", 40, 16],
    ["i2_s_row4", "i2_s", 64, 40],
    ["i2_s_group64", "i2_s", 128, 24],
    ["i2_s_seq_lo", "i2_s", 128, 20],
    ["bf16", "i2_s", 128, 44],
    ["bf16", "f16", 33, 7],
    ["f16", "q8_0", 9, 64],
  ])("%s to %s: blocks joined equal the whole [%i, %i]", async (from, to, rows, cols) => {
    const tensor = source(from, rows, cols);
    const data = randomData(tensor);
    const addon = referenceAddon();
    const convert = async (blockBytes: number): Promise<Buffer> => {
      const parts: Uint8Array[] = [];
      for (const block of blocksOf(tensor, to, blockBytes)) {
        const at = block.offset - tensor.offset;
        const bytes = data.subarray(at, at + block.bytes);
        const pass = block.quarter === undefined ? {} : { quarter: block.quarter };
        const request = { from, to, rows: block.rows, cols, data: bytes, scale: 0.01, ...pass };
        parts.push(await addon.convertRows(request));
      }
      return Buffer.concat(parts);
    };
    const whole = await convert(2 ** 30);
    expect(whole.length).toBe(payloadBytes(to, rows, cols));
    for (const blockBytes of [1, 300, 2000]) {
      expect((await convert(blockBytes)).equals(whole), `${blockBytes}`).toBe(true);
    }
    expect(addon.calls.convertRows).toBeGreaterThan(5);
  });
});

describe("BlockReader", () => {
  test("bytes stay valid while later blocks are read", async () => {
    const path = join(tempDir(), "data");
    const data = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251));
    writeFileSync(path, data);
    const blocks = Array.from({ length: 100 }, (_, i) => ({
      rows: 1,
      offset: 100 * i,
      bytes: 100,
    }));
    await using file = await openFile(path);
    const held: { at: number; bytes: Uint8Array }[] = [];
    for await (const { block, data: bytes } of new BlockReader().read(file, blocks)) {
      held.push({ at: block.offset, bytes });
      for (const one of held.slice(-BLOCKS_AT_ONCE - 1)) {
        expect(Buffer.from(one.bytes).equals(data.subarray(one.at, one.at + 100))).toBe(true);
      }
    }
    expect(held).toHaveLength(100);
  });

  test("a failed read is reported at its turn, and leaving early waits for what is under way", async () => {
    const path = join(tempDir(), "data");
    writeFileSync(path, Buffer.alloc(250));
    const blocks = [0, 100, 200].map((offset) => ({ rows: 1, offset, bytes: 100 }));
    await using file = await openFile(path);
    const seen: number[] = [];
    const readAll = async (): Promise<void> => {
      for await (const { block } of new BlockReader().read(file, blocks)) seen.push(block.offset);
    };
    await expect(readAll()).rejects.toThrow(/truncated: .* ends at byte 250, expected 50 more/);
    expect(seen).toEqual([0, 100]);
    for await (const { block } of new BlockReader().read(file, blocks)) {
      if (block.offset === 100) break;
    }
  });
});
