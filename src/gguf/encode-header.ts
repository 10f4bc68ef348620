import type { TensorInfo } from "./header.ts";
import {
  ARRAY_TYPE_ID,
  GGUF_MAGIC,
  type GgufScalarType,
  type Metadata,
  type MetadataScalar,
  SCALAR_BYTES,
  SCALAR_TYPES,
} from "./types.ts";

const WRITTEN_VERSION = 3;

/** Bytes of a version 3 header, padded to `alignment`. */
export function encodeHeader(
  metadata: Metadata,
  infos: readonly TensorInfo[],
  alignment: number,
): Buffer {
  const out = new ByteSink();
  out.text(GGUF_MAGIC);
  out.u32(WRITTEN_VERSION);
  out.u64(infos.length);
  out.u64(metadata.size);
  for (const [key, entry] of metadata) {
    out.string(key);
    if (entry.type === "array") {
      out.u32(ARRAY_TYPE_ID);
      out.u32(SCALAR_TYPES.indexOf(entry.itemType));
      out.u64(entry.value.length);
      for (const item of entry.value) out.scalar(entry.itemType, item);
    } else {
      out.u32(SCALAR_TYPES.indexOf(entry.type));
      out.scalar(entry.type, entry.value);
    }
  }
  for (const { name, dims, typeId, offset } of infos) {
    out.string(name);
    out.u32(dims.length);
    for (const dim of dims) out.u64(dim);
    out.u32(typeId);
    out.u64(offset);
  }
  return out.finish(alignment);
}

/** A growing buffer of little-endian values. */
class ByteSink {
  #buffer = Buffer.alloc(64 * 1024);
  #length = 0;

  #grow(bytes: number): number {
    const start = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#length, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, start);
      this.#buffer = larger;
    }
    return start;
  }

  text(text: string): void {
    const start = this.#grow(Buffer.byteLength(text));
    this.#buffer.write(text, start);
  }

  string(text: string): void {
    this.u64(Buffer.byteLength(text));
    this.text(text);
  }

  u32(value: number): void {
    const start = this.#grow(4);
    this.#buffer.writeUInt32LE(value, start);
  }

  u64(value: number): void {
    const start = this.#grow(8);
    this.#buffer.writeBigUInt64LE(BigInt(value), start);
  }

  scalar(type: GgufScalarType, value: MetadataScalar): void {
    if (type === "string") {
      this.string(String(value));
      return;
    }
    const start = this.#grow(SCALAR_BYTES[type]);
    SCALAR_WRITERS[type](this.#buffer, start, value);
  }

  finish(alignment: number): Buffer {
    this.#grow((alignment - (this.#length % alignment)) % alignment);
    return this.#buffer.subarray(0, this.#length);
  }
}

type ScalarWriter = (buffer: Buffer, at: number, value: MetadataScalar) => void;

const SCALAR_WRITERS: Readonly<Record<Exclude<GgufScalarType, "string">, ScalarWriter>> = {
  uint8: (buffer, at, value) => buffer.writeUInt8(Number(value), at),
  int8: (buffer, at, value) => buffer.writeInt8(Number(value), at),
  uint16: (buffer, at, value) => buffer.writeUInt16LE(Number(value), at),
  int16: (buffer, at, value) => buffer.writeInt16LE(Number(value), at),
  uint32: (buffer, at, value) => buffer.writeUInt32LE(Number(value), at),
  int32: (buffer, at, value) => buffer.writeInt32LE(Number(value), at),
  float32: (buffer, at, value) => buffer.writeFloatLE(Number(value), at),
  bool: (buffer, at, value) => buffer.writeUInt8(value ? 1 : 0, at),
  uint64: (buffer, at, value) => buffer.writeBigUInt64LE(BigInt(value), at),
  int64: (buffer, at, value) => buffer.writeBigInt64LE(BigInt(value), at),
  float64: (buffer, at, value) => buffer.writeDoubleLE(Number(value), at),
};
