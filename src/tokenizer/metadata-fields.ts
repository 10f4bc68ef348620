import { ModelFormatError } from "../errors.ts";
import type { Metadata, MetadataEntry } from "../gguf/types.ts";

/** Writers use this value for "no such token". */
const NO_TOKEN = 0xffffffff;

export function stringOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)?.value;
  if (value === undefined || typeof value === "string") return value;
  throw wrongType(key, "a string", metadata.get(key));
}

export function flagOf(metadata: Metadata, key: string): boolean | undefined {
  const value = metadata.get(key)?.value;
  if (value === undefined || typeof value === "boolean") return value;
  throw wrongType(key, "a bool", metadata.get(key));
}

export function tokenIdOf(metadata: Metadata, key: string): number | undefined {
  const value = metadata.get(key)?.value;
  if (value === undefined) return undefined;
  if (typeof value !== "number" && typeof value !== "bigint") {
    throw wrongType(key, "an integer", metadata.get(key));
  }
  const id = Number(value);
  return id === NO_TOKEN || id === -1 ? undefined : id;
}

export function stringsOf(metadata: Metadata, key: string): readonly string[] | undefined {
  const entry = metadata.get(key);
  if (!entry) return undefined;
  if (entry.type === "array" && (entry.itemType === "string" || entry.value.length === 0)) {
    return entry.value as readonly string[];
  }
  throw wrongType(key, "an array of strings", entry);
}

export function integersOf(metadata: Metadata, key: string): readonly number[] | undefined {
  const entry = metadata.get(key);
  if (!entry) return undefined;
  if (entry.type === "array" && /^u?int(8|16|32)$/.test(entry.itemType)) {
    return entry.value as readonly number[];
  }
  throw wrongType(key, "an array of integers", entry);
}

export function floatsOf(metadata: Metadata, key: string): readonly number[] | undefined {
  const entry = metadata.get(key);
  if (!entry) return undefined;
  if (entry.type === "array" && /^float(32|64)$/.test(entry.itemType)) {
    return entry.value as readonly number[];
  }
  throw wrongType(key, "an array of floats", entry);
}

function wrongType(key: string, expected: string, entry: MetadataEntry | undefined): Error {
  const found = entry?.type === "array" ? `an array of ${entry.itemType}` : entry?.type;
  return new ModelFormatError(`${key}: expected ${expected}, found ${found}`);
}
