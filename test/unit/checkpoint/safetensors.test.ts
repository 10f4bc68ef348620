import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  parseSafetensorsHeader,
  readSafetensors,
  type SafeTensor,
} from "../../../src/checkpoint/safetensors.ts";
import { BitnetError, ModelFormatError, NotFoundError } from "../../../src/errors.ts";
import { goldenPath } from "../../support/golden.ts";
import { seededRandom } from "../../support/random.ts";
import { tempDir } from "../../support/temp-dir.ts";

type Header = Record<string, unknown>;

function image(header: Header | string, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

function read(
  header: Header | string,
  dataBytes: number,
): Promise<ReadonlyMap<string, SafeTensor>> {
  const folder = tempDir();
  writeFileSync(join(folder, "model.safetensors"), image(header, dataBytes));
  return readSafetensors(folder, ["model.safetensors"]).then(({ tensors }) => tensors);
}

const u8 = (begin: number, end: number, shape = [end - begin]): Header => ({
  dtype: "U8",
  shape,
  data_offsets: [begin, end],
});

describe("readSafetensors", () => {
  test("one file", async () => {
    const folder = goldenPath("models/a-packed");
    const { files, tensors } = await readSafetensors(folder, ["model.safetensors"]);
    expect(files).toEqual([join(folder, "model.safetensors")]);
    const q = tensors.get("model.layers.0.self_attn.q_proj.weight");
    expect(q).toMatchObject({ dtype: "U8", shape: [64, 256], bytes: 64 * 256, file: 0 });
    const raw = readFileSync(files[0] ?? "");
    expect(Math.max(...[...tensors.values()].map((t) => t.offset + t.bytes))).toBe(raw.length);
  });

  test("scalars, empty tensors and metadata", async () => {
    const tensors = await read(
      {
        __metadata__: { format: "pt" },
        s: { dtype: "F32", shape: [], data_offsets: [0, 4] },
        e: u8(4, 4),
      },
      4,
    );
    expect(tensors.get("s")).toMatchObject({ bytes: 4, shape: [] });
    expect(tensors.get("e")).toMatchObject({ bytes: 0 });
    expect(tensors.size).toBe(2);
  });

  test("shards by index", async () => {
    const folder = tempDir();
    const index = (map: Record<string, unknown>): void =>
      writeFileSync(
        join(folder, "model.safetensors.index.json"),
        JSON.stringify({ weight_map: map }),
      );
    const shards = [
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ] as const;
    writeFileSync(join(folder, shards[0]), image({ a: u8(0, 4) }, 4));
    writeFileSync(join(folder, shards[1]), image({ b: u8(0, 2), c: u8(2, 4) }, 4));
    const names = ["model.safetensors.index.json", ...shards];
    const open = () => readSafetensors(folder, names);

    index({ c: shards[1], b: shards[1], a: shards[0] });
    const { files, tensors } = await open();
    expect(files).toEqual(shards.map((name) => join(folder, name)));
    expect([...tensors.values()].map(({ name, file }) => [name, file])).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 1],
    ]);
    index({ a: shards[1], b: shards[1] });
    await expect(open()).rejects.toThrow(/tensor a is not in .*00002/);
    index({ a: "../outside.safetensors" });
    await expect(open()).rejects.toThrow(/a is in "..\/outside.safetensors", not a shard name/);
    index({ a: "missing.safetensors" });
    await expect(open()).rejects.toThrow(NotFoundError);
    writeFileSync(join(folder, shards[1]), image({ a: u8(0, 2) }, 2));
    index({ a: shards[0], b: shards[1] });
    await expect(open()).rejects.toThrow(/tensor a is in another shard as well/);
  });

  test("an oddly named single file, and none", async () => {
    const folder = tempDir();
    writeFileSync(join(folder, "weights.safetensors"), image({ a: u8(0, 4) }, 4));
    expect((await readSafetensors(folder, ["weights.safetensors"])).tensors.size).toBe(1);
    await expect(readSafetensors(folder, ["config.json"])).rejects.toThrow(/holds neither/);
  });

  test.each<[string, Header | string, number, RegExp]>([
    ["gap", { a: u8(0, 4), b: u8(5, 6) }, 6, /tensor b leaves a gap before it/],
    ["overlap", { a: u8(0, 4), b: u8(3, 6) }, 6, /tensor b overlaps/],
    [
      "key given twice",
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}',
      6,
      /leaves a gap/,
    ],
    ["truncated", { a: u8(0, 400) }, 100, /truncated: tensors end at \d+, file has/],
    ["trailing bytes", { a: u8(0, 4) }, 5, /trailing bytes/],
    ["shape and range", { a: u8(0, 4, [5]) }, 4, /do not hold 5 bytes of U8 \[5\]/],
    ["negative", { a: u8(-4, 0, [4]) }, 4, /do not hold 4 bytes/],
    ["backwards", { a: u8(4, 0, [4]) }, 4, /do not hold 4 bytes/],
    ["fraction", { a: u8(0, 4, [1.5]) }, 4, /impossible shape \[1.5\]/],
    ["overflow", { a: u8(0, 4, [2 ** 40, 2 ** 40]) }, 4, /impossible shape/],
    ["dtype", { a: { ...u8(0, 4), dtype: "Q9" } }, 4, /unknown dtype Q9/],
    ["missing field", { a: { dtype: "U8", shape: [4] } }, 4, /a: data_offsets is missing/],
    [
      "wrong field",
      { a: { dtype: "U8", shape: "4", data_offsets: [0, 4] } },
      4,
      /a: shape: expected an array/,
    ],
    ["odd offsets", { a: { dtype: "U8", shape: [4], data_offsets: ["0", 4] } }, 4, /do not hold/],
    ["no object", "[1]", 0, /expected an object, found \[1\]/],
    ["no JSON", "{]", 0, /model.safetensors is not valid JSON/],
    ["entry", { a: 5 }, 0, /a: expected an object, found 5/],
  ])("%s", async (_, header, dataBytes, message) => {
    await expect(read(header, dataBytes)).rejects.toThrow(ModelFormatError);
    await expect(read(header, dataBytes)).rejects.toThrow(message);
  });

  test("header length beyond the file, or the format's limit", async () => {
    const folder = tempDir();
    const path = join(folder, "model.safetensors");
    const open = () => readSafetensors(folder, ["model.safetensors"]);
    writeFileSync(path, "abc");
    await expect(open()).rejects.toThrow(/truncated: 3 bytes, no safetensors header/);
    writeFileSync(path, Buffer.from("ffffffffffffffff", "hex"));
    await expect(open()).rejects.toThrow(/header length 18446744073709551615 is beyond 0/);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(200_000_000n);
    writeFileSync(path, length);
    truncateSync(path, 2 ** 30);
    await expect(open()).rejects.toThrow(/header length 200000000 is beyond 100000000/);
  });

  test("mutated headers are read or refused", () => {
    const raw = readFileSync(goldenPath("models/a-packed/model.safetensors"));
    const header = raw.subarray(8, 8 + Number(raw.readBigUInt64LE()));
    const random = seededRandom(7);
    const counts = { read: 0, refused: 0 };
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(header);
      for (let flips = 1 + random(3); flips > 0; flips--) {
        const digits = '0123456789-.[]{}",:eU \u0000';
        bytes[random(bytes.length)] = digits.charCodeAt(random(digits.length));
      }
      try {
        parseSafetensorsHeader(bytes, { path: "m", file: 0, fileBytes: raw.length });
        counts.read++;
      } catch (error) {
        if (!(error instanceof BitnetError)) throw error;
        expect(error.message).toMatch(/^[\x20-\x7e]+$/);
        counts.refused++;
      }
    }
    expect(counts.read).toBeGreaterThan(100);
    expect(counts.refused).toBeGreaterThan(1000);
  });
});
