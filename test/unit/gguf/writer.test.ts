import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { NotFoundError, ResourceError } from "../../../src/errors.ts";
import { readGguf } from "../../../src/gguf/reader.ts";
import { tensorTypeByName } from "../../../src/gguf/tensor-types.ts";
import type { MetadataEntry } from "../../../src/gguf/types.ts";
import { openGgufWriter, type TensorPlan } from "../../../src/gguf/writer.ts";
import { contents, tensorData } from "../../support/gguf.ts";
import { goldenPath } from "../../support/golden.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** A disk that can be made small: what it says is free, and after how many bytes a write fails. */
const disk = vi.hoisted(() => ({ freeBytes: Infinity, writableBytes: Infinity }));
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  return {
    ...fs,
    statfs: async (path: string) => {
      const real = await fs.statfs(path);
      return disk.freeBytes === Infinity ? real : { ...real, bavail: disk.freeBytes, bsize: 1 };
    },
    open: async (path: string, flags: string) => {
      const handle = await fs.open(path, flags);
      const write = handle.write.bind(handle);
      return Object.assign(handle, {
        write: async (bytes: Uint8Array, offset: number, length: number) => {
          const room = Math.min(length, disk.writableBytes);
          if (length > 0 && room === 0) {
            throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC", syscall: "write" });
          }
          disk.writableBytes -= room;
          return write(bytes, offset, room);
        },
      });
    },
  };
});

const GOLDEN = goldenPath("gguf/a.i2_s.gguf");
const PLAN: TensorPlan[] = [
  plan("token_embd.weight", [4, 3], "F16"),
  plan("norm.weight", [5], "F32"),
  plan("blk.0.w.weight", [128, 2], "I2_S"),
];
const METADATA = new Map<string, MetadataEntry>([
  ["z.first", { type: "string", value: "späß 🦙\u0000\ufeff" }],
  ["a.u8", { type: "uint8", value: 255 }],
  ["a.i8", { type: "int8", value: -128 }],
  ["a.u16", { type: "uint16", value: 65_535 }],
  ["a.i16", { type: "int16", value: -32_768 }],
  ["a.u32", { type: "uint32", value: 2 ** 32 - 1 }],
  ["a.i32", { type: "int32", value: -(2 ** 31) }],
  ["a.f32", { type: "float32", value: Math.fround(0.1) }],
  ["a.bool", { type: "bool", value: true }],
  ["a.u64", { type: "uint64", value: 2n ** 64n - 1n }],
  ["a.i64", { type: "int64", value: -(2n ** 63n) }],
  ["a.f64", { type: "float64", value: 0.1 }],
  ["7", { type: "array", itemType: "string", value: ["", "a", "\ufeffb"] }],
  ["__proto__", { type: "array", itemType: "bool", value: [true, false] }],
  ["a.empty", { type: "array", itemType: "int32", value: [] }],
  ["general.alignment", { type: "uint32", value: 64 }],
]);

function plan(name: string, dims: number[], typeName: string): TensorPlan {
  const type = tensorTypeByName(typeName);
  if (!type) throw new Error(typeName);
  return { name, dims, type };
}

describe("openGgufWriter", () => {
  test("what is written is read back, order and types included", async () => {
    const path = join(tempDir(), "m.gguf");
    const writer = await openGgufWriter(path, METADATA, PLAN);
    await writer.append("token_embd.weight", Buffer.alloc(10, 1));
    await writer.append("token_embd.weight", Buffer.alloc(14, 2));
    await writer.append("norm.weight", Buffer.alloc(20, 3));
    await writer.append("blk.0.w.weight", Buffer.alloc(96, 4));
    await writer.finish();
    const file = await readGguf(path);
    expect([...file.metadata]).toEqual([...METADATA]);
    expect(file.alignment).toBe(64);
    expect(file.tensors.map(({ name, dims, type }) => ({ name, dims, type }))).toEqual(PLAN);
    expect(file.tensors.every(({ offset }) => offset % 64 === 0)).toBe(true);
    expect(tensorData(file, "token_embd.weight")).toEqual(
      Buffer.concat([Buffer.alloc(10, 1), Buffer.alloc(14, 2)]),
    );
    expect(tensorData(file, "blk.0.w.weight")).toEqual(Buffer.alloc(96, 4));
    expect(file.fileBytes % 64).toBe(0);
  });

  test("the golden file, read and written again, has the same bytes", async () => {
    const golden = await readGguf(GOLDEN);
    const path = join(tempDir(), "m.gguf");
    const writer = await openGgufWriter(path, golden.metadata, golden.tensors);
    for (const { name } of golden.tensors) await writer.append(name, tensorData(golden, name));
    await writer.finish();
    expect(contents(await readGguf(path))).toEqual(contents(golden));
    expect(readFileSync(path).equals(readFileSync(GOLDEN))).toBe(true);
  });

  test("nothing is visible before the end, and nothing after an abort", async () => {
    const folder = tempDir();
    const path = join(folder, "m.gguf");
    writeFileSync(path, "older");
    const writer = await openGgufWriter(path, METADATA, PLAN);
    await writer.append("token_embd.weight", Buffer.alloc(24));
    expect(readFileSync(path, "utf8")).toBe("older");
    await writer.abort();
    await writer.abort();
    expect(readdirSync(folder)).toEqual(["m.gguf"]);
    expect(readFileSync(path, "utf8")).toBe("older");
    expect(process.listenerCount("exit")).toBeLessThan(10);
  });

  test("wrong order, too many and too few bytes", async () => {
    const path = join(tempDir(), "m.gguf");
    const writer = await openGgufWriter(path, METADATA, PLAN);
    await expect(writer.append("norm.weight", Buffer.alloc(4))).rejects.toThrow(
      "tensor norm.weight was written while token_embd.weight is due",
    );
    await writer.append("token_embd.weight", Buffer.alloc(20));
    await expect(writer.finish()).rejects.toThrow("has 24 bytes, 20 written");
    await expect(writer.append("token_embd.weight", Buffer.alloc(5))).rejects.toThrow(
      "has 24 bytes, 25 written",
    );
    await writer.abort();
  });

  test("leftovers of killed writers are removed, those of living ones are not", async () => {
    const folder = tempDir();
    const path = join(folder, "m.gguf");
    const dead = join(folder, ".m.gguf.4194305-abc.tmp"); // above the largest process id of Linux
    const fresh = join(folder, ".m.gguf.4194306-abc.tmp");
    const living = join(folder, `.m.gguf.${process.ppid}-abc.tmp`);
    for (const file of [dead, fresh, living]) writeFileSync(file, "x");
    const old = new Date(Date.now() - 3_600_000);
    for (const file of [dead, living]) utimesSync(file, old, old);
    await (await openGgufWriter(path, METADATA, PLAN)).abort();
    expect(
      readdirSync(folder)
        .map((name) => join(folder, name))
        .sort(),
    ).toEqual([fresh, living].sort());
  });

  test("a disk without room is found before anything is written", async () => {
    const folder = tempDir();
    disk.freeBytes = 1_000_000;
    const big = [plan("a", [1024, 1024], "F32")];
    const failure = openGgufWriter(join(folder, "m.gguf"), METADATA, big);
    await expect(failure).rejects.toThrow(ResourceError);
    await expect(failure).rejects.toThrow(/needs 5 MB more, 1 MB available/);
    disk.freeBytes = Infinity;
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a disk that fills up meanwhile is reported with what is needed and available", async () => {
    const folder = tempDir();
    const big = [plan("a", [1024, 1024], "F32")];
    const writer = await openGgufWriter(join(folder, "m.gguf"), METADATA, big);
    Object.assign(disk, { writableBytes: 1_500_000, freeBytes: 0 });
    await writer.append("a", Buffer.alloc(2 ** 20));
    const failure = writer.append("a", Buffer.alloc(2 ** 20));
    await expect(failure).rejects.toThrow(ResourceError);
    await expect(failure).rejects.toThrow(
      /disk is full: .*m\.gguf needs 3 MB more, 0 MB available/,
    );
    Object.assign(disk, { writableBytes: Infinity, freeBytes: Infinity });
    await writer.abort();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("missing folder", async () => {
    const failure = openGgufWriter(join(tempDir(), "none", "m.gguf"), METADATA, PLAN);
    await expect(failure).rejects.toThrow(NotFoundError);
  });

  test("the target is a folder or a device", async () => {
    const folder = join(tempDir(), "m.gguf");
    mkdirSync(folder);
    for (const path of [folder, "/dev/null"]) {
      await expect(openGgufWriter(path, new Map(), [])).rejects.toThrow(/is not a regular file/);
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});
