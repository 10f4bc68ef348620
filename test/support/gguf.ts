import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parseHeader } from "../../src/gguf/header.ts";
import { checkTensors } from "../../src/gguf/tensor-table.ts";
import type { GgufFile, MetadataEntry } from "../../src/gguf/types.ts";

/** Parses GGUF bytes as `readGguf` does, without a file. */
export function parseGguf(bytes: Buffer, fileBytes = bytes.length): Omit<GgufFile, "path"> {
  const header = parseHeader(bytes, fileBytes);
  const { version, metadata } = header;
  return { version, fileBytes, metadata, ...checkTensors(header, fileBytes) };
}

/** Bytes of a tensor of a file. */
export function tensorData(file: GgufFile, name: string): Buffer {
  const tensor = file.tensors.find((one) => one.name === name);
  if (!tensor) throw new Error(`no tensor ${name}`);
  const bytes = Buffer.alloc(tensor.bytes);
  const fd = openSync(file.path, "r");
  readSync(fd, bytes, 0, bytes.length, tensor.offset);
  closeSync(fd);
  return bytes;
}

/** SHA-256 of every tensor's bytes. */
export function tensorHashes(file: GgufFile): Record<string, string> {
  const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  return Object.fromEntries(file.tensors.map(({ name }) => [name, hash(tensorData(file, name))]));
}

/** A GGUF image assembled field by field, so that any field can be wrong. */
export class GgufImage {
  #parts: Buffer[] = [];

  raw(bytes: Buffer | string): this {
    this.#parts.push(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    return this;
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.raw(bytes);
  }

  u64(value: number | bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return this.raw(bytes);
  }

  string(text: string): this {
    return this.u64(Buffer.byteLength(text)).raw(text);
  }

  start(tensors: number | bigint, pairs: number | bigint, version = 3): this {
    return this.raw("GGUF").u32(version).u64(tensors).u64(pairs);
  }

  tensor(name: string, dims: readonly (number | bigint)[], type: number, offset: number): this {
    this.string(name).u32(dims.length);
    for (const dim of dims) this.u64(dim);
    return this.u32(type).u64(offset);
  }

  /** Pads to 32 bytes, then adds `bytes` of tensor data. */
  data(bytes: number): Buffer {
    const header = Buffer.concat(this.#parts);
    return Buffer.concat([
      header,
      Buffer.alloc((32 - (header.length % 32)) % 32),
      Buffer.alloc(bytes),
    ]);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** All fields of a file but its place, in a form that `toEqual` compares. */
export function contents(file: Pick<GgufFile, "metadata" | "tensors">): {
  metadata: [string, MetadataEntry][];
  tensors: unknown[];
} {
  const { metadata, tensors } = file;
  return { metadata: [...metadata], tensors: [...tensors] };
}
