import { ModelFormatError, UnsupportedError } from "../errors.ts";
import { Cursor } from "./cursor.ts";
import { LIMITS } from "./limits.ts";
import { quote } from "./quote.ts";
import {
  ARRAY_TYPE_ID,
  GGUF_MAGIC,
  type GgufScalarType,
  type MetadataEntry,
  type MetadataScalar,
  SCALAR_BYTES,
  SCALAR_TYPES,
} from "./types.ts";

/** A tensor info as the file states it, unchecked but for its length. */
export interface TensorInfo {
  readonly name: string;
  readonly dims: readonly number[];
  readonly typeId: number;
  /** Relative to the start of tensor data. */
  readonly offset: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: Map<string, MetadataEntry>;
  readonly infos: readonly TensorInfo[];
  /** First byte after the tensor infos, before padding. */
  readonly end: number;
}

/** Parses the header at the start of `window`.
 *  @throws {WindowTooSmall} the header goes on after the window, but not after the file
 *  @throws {ModelFormatError} not a GGUF file, truncated, or beyond a limit */
export function parseHeader(window: Buffer, fileBytes: number): GgufHeader {
  checkMagic(window);
  const cursor = new Cursor(window, fileBytes);
  cursor.pos = GGUF_MAGIC.length;
  const version = readVersion(cursor);
  const tensorCount = cursor.u64("tensor count", LIMITS.tensors);
  const pairCount = cursor.u64("key-value count", LIMITS.pairs);
  const metadata = readMetadata(cursor, pairCount);
  const infos: TensorInfo[] = [];
  for (let i = 0; i < tensorCount; i++) infos.push(readTensorInfo(cursor, i));
  return { version, metadata, infos, end: cursor.pos };
}

function checkMagic(window: Buffer): void {
  if (window.toString("latin1", 0, 4) === GGUF_MAGIC) return;
  if (window.length === 0) throw new ModelFormatError("not a GGUF file: it is empty");
  const isPointer = window.toString("latin1", 0, 40).startsWith("version https://git-lfs");
  throw new ModelFormatError(
    `not a GGUF file: starts with '${printable(window.subarray(0, 4))}'`,
    isPointer ? { hint: "this is a Git LFS pointer; fetch the real file with: git lfs pull" } : {},
  );
}

function printable(bytes: Buffer): string {
  const show = (byte: number): string =>
    byte >= 0x20 && byte < 0x7f
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, "0")}`;
  return Array.from(bytes, show).join("");
}

function readVersion(cursor: Cursor): number {
  cursor.field = "version";
  const version = cursor.u32();
  cursor.field = "header";
  if (version === 2 || version === 3) return version;
  if (version !== 0 && (version & 0xffff) === 0) {
    throw new UnsupportedError("big-endian GGUF file; only little-endian files can be read", {
      hint: "convert it on the machine that wrote it (llama.cpp: gguf_convert_endian.py)",
    });
  }
  throw new UnsupportedError(`GGUF version ${version}; this build reads versions 2 and 3`);
}

function readMetadata(cursor: Cursor, count: number): Map<string, MetadataEntry> {
  const metadata = new Map<string, MetadataEntry>();
  let itemsLeft = LIMITS.arrayItems;
  for (let i = 0; i < count; i++) {
    const at = cursor.pos;
    cursor.field = `key ${i}`;
    const key = cursor.string("key", LIMITS.keyBytes);
    if (metadata.has(key)) throw new ModelFormatError(`duplicate key ${quote(key)} (byte ${at})`);
    cursor.field = quote(key);
    const entry = readEntry(cursor, itemsLeft);
    if (entry.type === "array") itemsLeft -= entry.value.length;
    metadata.set(key, entry);
  }
  cursor.field = "header";
  return metadata;
}

function readEntry(cursor: Cursor, itemsLeft: number): MetadataEntry {
  const at = cursor.pos;
  const typeId = cursor.u32();
  if (typeId !== ARRAY_TYPE_ID) {
    const type = scalarType(cursor, typeId, at);
    return { type, value: cursor.scalar(type) };
  }
  const itemTypeId = cursor.u32();
  if (itemTypeId === ARRAY_TYPE_ID) {
    throw new UnsupportedError(`${cursor.field}: array of arrays (byte ${at})`);
  }
  const itemType = scalarType(cursor, itemTypeId, at + 4);
  const count = cursor.u64("array length", itemsLeft);
  // A count that the file cannot hold fails here, before the array grows.
  cursor.expect(count * SCALAR_BYTES[itemType]);
  if (itemType === "string") return { type: "array", itemType, value: cursor.strings(count) };
  const value: MetadataScalar[] = [];
  for (let i = 0; i < count; i++) value.push(cursor.scalar(itemType));
  return { type: "array", itemType, value };
}

function scalarType(cursor: Cursor, id: number, at: number): GgufScalarType {
  const type = SCALAR_TYPES[id];
  if (type) return type;
  throw new ModelFormatError(`${cursor.field}: unknown value type ${id} (byte ${at})`);
}

function readTensorInfo(cursor: Cursor, index: number): TensorInfo {
  cursor.field = `tensor info ${index}`;
  const name = cursor.string("name", LIMITS.nameBytes);
  cursor.field = `tensor info of ${quote(name)}`;
  const at = cursor.pos;
  const dimCount = cursor.u32();
  if (dimCount < 1 || dimCount > LIMITS.dims) {
    throw new ModelFormatError(
      `${cursor.field}: ${dimCount} dimensions, expected 1 to ${LIMITS.dims} (byte ${at})`,
    );
  }
  const dims: number[] = [];
  for (let i = 0; i < dimCount; i++) dims.push(cursor.u64("dimension"));
  const typeId = cursor.u32();
  return { name, dims, typeId, offset: cursor.u64("offset") };
}
