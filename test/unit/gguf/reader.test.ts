import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gguf } from "@huggingface/gguf";
import { describe, expect, test } from "vitest";
import { NotFoundError, UnsupportedError } from "../../../src/errors.ts";
import { readGguf } from "../../../src/gguf/reader.ts";
import { GgufImage, parseGguf } from "../../support/gguf.ts";
import { goldenPath } from "../../support/golden.ts";
import { tempDir } from "../../support/temp-dir.ts";

const GOLDEN = goldenPath("gguf/a.i2_s.gguf");

/** A string pair. */
function pair(image: GgufImage, key: string, value: string): GgufImage {
  return image.string(key).u32(8).string(value);
}

describe("readGguf", () => {
  test("reads the golden file", async () => {
    const file = await readGguf(GOLDEN);
    expect(file.version).toBe(3);
    expect(file.alignment).toBe(32);
    expect(file.tensors).toHaveLength(24);
    expect(file.metadata.get("general.architecture")).toEqual({
      type: "string",
      value: "bitnet-b1.58",
    });
    expect(file.metadata.get("bitnet-b1.58.block_count")).toEqual({ type: "uint32", value: 2 });
    const q = file.tensors.find((tensor) => tensor.name === "blk.0.attn_q.weight");
    expect(q).toMatchObject({ dims: [256, 256], bytes: (256 * 256) / 4 + 32 });
    expect(q?.type.name).toBe("I2_S");
  });

  test("agrees with another reader on the golden file", async () => {
    const file = await readGguf(GOLDEN);
    const other = await gguf(GOLDEN, { allowLocalFile: true, typedMetadata: true });
    expect(file.dataOffset).toBe(Number(other.tensorDataOffset));
    for (const [key, entry] of file.metadata) {
      expect(other.typedMetadata[key]?.value, key).toEqual(entry.value);
    }
    const theirs = other.tensorInfos.map(({ name, shape, offset, dtype }) => ({
      name,
      dims: shape.map(Number),
      offset: Number(offset) + file.dataOffset,
      id: Number(dtype),
    }));
    const ours = file.tensors.map(({ name, dims, offset, type }) => ({
      name,
      dims,
      offset,
      id: type.id,
    }));
    expect(ours).toEqual(theirs);
  });

  test("missing file, folder", async () => {
    const folder = tempDir();
    await expect(readGguf(join(folder, "none.gguf"))).rejects.toThrow(NotFoundError);
    mkdirSync(join(folder, "m.gguf"));
    await expect(readGguf(join(folder, "m.gguf"))).rejects.toThrow(/not a regular file/);
  });

  test("messages name the file, what was found and where", async () => {
    const path = join(tempDir(), "m.gguf");
    writeFileSync(path, "PK\x03\x04 and more");
    await expect(readGguf(path)).rejects.toThrow(
      `${path}: not a GGUF file: starts with 'PK\\x03\\x04'`,
    );
    writeFileSync(path, "");
    await expect(readGguf(path)).rejects.toThrow(/not a GGUF file: it is empty/);
    writeFileSync(path, "version https://git-lfs.github.com/spec/v1\noid sha256:00");
    await expect(readGguf(path)).rejects.toMatchObject({
      hint: expect.stringContaining("git lfs"),
    });
  });

  test("a header larger than the first window", async () => {
    const path = join(tempDir(), "m.gguf");
    const image = new GgufImage().start(1, 2);
    pair(image, "big", "x".repeat(20_000_000));
    pair(image, "after", "y");
    writeFileSync(path, image.tensor("t", [8], 0, 0).data(32));
    const file = await readGguf(path);
    expect(file.metadata.get("after")?.value).toBe("y");
    expect(file.tensors[0]?.bytes).toBe(32);
  });

  test("a sparse gigabyte of claims costs neither time nor memory", async () => {
    const path = join(tempDir(), "m.gguf");
    const started = performance.now();
    for (const itemType of [0, 8, 12]) {
      writeFileSync(
        path,
        new GgufImage()
          .start(0, 1)
          .string("k")
          .u32(9)
          .u32(itemType)
          .u64(2 ** 27)
          .bytes(),
      );
      truncateSync(path, 2 ** 30);
      await expect(readGguf(path)).rejects.toThrow(/array length 134217728 is beyond the limit/);
    }
    writeFileSync(
      path,
      new GgufImage()
        .start(0, 1)
        .string("k")
        .u32(8)
        .u64(2 ** 29)
        .bytes(),
    );
    truncateSync(path, 2 ** 30);
    await expect(readGguf(path)).rejects.toThrow(/string length 536870912 is beyond the limit/);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("header", () => {
  test.each([
    [1, /GGUF version 1; this build reads versions 2 and 3/],
    [4, /GGUF version 4/],
    [0x03000000, /big-endian/],
  ])("version %i is refused", (version, message) => {
    expect(() => parseGguf(new GgufImage().start(0, 0, version).data(0))).toThrow(UnsupportedError);
    expect(() => parseGguf(new GgufImage().start(0, 0, version).data(0))).toThrow(message);
  });

  test("version 2 is version 3", () => {
    const bytes = new GgufImage().start(1, 0, 2).tensor("t", [8], 0, 0).data(32);
    expect(parseGguf(bytes).tensors).toHaveLength(1);
  });

  test.each([
    [
      "tensor count",
      new GgufImage().start(2n ** 63n, 0),
      /tensor count 9223372036854775808 is beyond/,
    ],
    ["pair count", new GgufImage().start(0, 10 ** 7), /key-value count 10000000 is beyond/],
    ["key length", new GgufImage().start(0, 1).u64(70_000), /key 0: key length 70000 is beyond/],
    [
      "value type",
      new GgufImage().start(0, 1).string("k").u32(13),
      /k: unknown value type 13 \(byte 33\)/,
    ],
    [
      "bool",
      new GgufImage().start(0, 1).string("k").u32(7).raw("\x02"),
      /k: bool is neither 0 nor 1 but 2/,
    ],
    ["nested array", new GgufImage().start(0, 1).string("k").u32(9).u32(9), /k: array of arrays/],
    [
      "array longer than the file",
      new GgufImage().start(0, 1).string("k").u32(9).u32(10).u64(1000),
      /truncated: k needs bytes 49\.\.8049, file has 49/,
    ],
    [
      "duplicate key",
      pair(pair(new GgufImage().start(0, 2), "k", "a"), "k", "b"),
      /duplicate key k/,
    ],
    [
      "truncated string",
      new GgufImage().start(0, 1).string("k").u32(8).u64(9).raw("abc"),
      /truncated: k needs/,
    ],
    ["terminal escapes", new GgufImage().start(0, 1).string("\x1b[2J").u32(99), /value type 99/],
  ])("%s", (_, image, message) => {
    expect(() => parseGguf(image.bytes())).toThrow(message);
    expect(() => parseGguf(image.bytes())).toThrow(/^[\x20-\x7e]*$/);
  });
});

describe("tensor table", () => {
  const one = (dims: (number | bigint)[], type: number, offset = 0, data = 64): Buffer =>
    new GgufImage().start(1, 0).tensor("t", dims, type, offset).data(data);
  const two = (first: number, second: number): Buffer =>
    new GgufImage().start(2, 0).tensor("a", [16], 0, first).tensor("b", [16], 0, second).data(128);

  test.each([
    ["range", one([64], 0), /truncated: tensor t needs bytes 64\.\.320, file has 128/],
    ["type", one([16], 99), /unknown tensor type 99 in t/],
    ["alignment", one([8], 0, 8), /offset of tensor t is 8, not a multiple of 32/],
    ["zero dimension", one([0], 0), /impossible shape of t: \[0\]/],
    ["huge dimension", one([2 ** 40, 2 ** 20], 0), /impossible shape/],
    ["inexact dimension", one([2n ** 60n], 0), /dimension 1152921504606846976 is beyond/],
    ["no dimensions", one([], 0), /0 dimensions, expected 1 to 4/],
    ["partial block", one([33], 8), /\[33\] does not fill Q8_0 blocks of 32/],
    ["overlap", two(0, 32), /tensors a and b overlap/],
    [
      "duplicate name",
      new GgufImage().start(2, 0).tensor("a", [8], 0, 0).tensor("a", [8], 0, 32).data(64),
      /two tensors are named a/,
    ],
    [
      "bad name",
      new GgufImage().start(1, 0).tensor("a\n", [8], 0, 0).data(32),
      /"a\\n" is empty or not plain/,
    ],
    [
      "alignment key",
      new GgufImage().start(0, 1).string("general.alignment").u32(4).u32(48).data(0),
      /general.alignment is uint32 48/,
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => parseGguf(bytes)).toThrow(message);
  });

  test("tensors need not be stored in the order of the table", () => {
    expect(parseGguf(two(64, 0)).tensors.map((tensor) => tensor.name)).toEqual(["a", "b"]);
  });

  test("a type id with several meanings is told by the offsets", () => {
    const bytes = (second: number): Buffer =>
      new GgufImage()
        .start(2, 0)
        .tensor("a", [512, 32], 42, 0)
        .tensor("b", [8], 0, second)
        .data(second + 32);
    const nameAt = (second: number) => parseGguf(bytes(second)).tensors[0]?.type.name;
    expect(nameAt(4608)).toBe("Q2_0"); // 256 blocks of 18 bytes
    expect(nameAt(4352)).toBe("Q2_0_G128"); // 128 blocks of 34
    expect(nameAt(2688)).toBe("STQ1_0"); // 64 blocks of 42
    expect(nameAt(3808)).toBe("TL2"); // 1706 + 2048, padded, and a tail of 32
    expect(() => nameAt(4096)).toThrow(/none of them fits the offsets/);
  });
});
