import type { GgufScalarType, MetadataEntry, MetadataScalar } from "../gguf/types.ts";

const MAX_ITEMS = 8;
const MAX_CHARACTERS = 100;

/** One metadata value on one line: long arrays and texts are cut, with their length. */
export function formatMetadata(entry: MetadataEntry): string {
  if (entry.type !== "array") return shorten(entry.value, entry.type);
  const items = entry.value.slice(0, MAX_ITEMS).map((item) => shorten(item, entry.itemType));
  const more = entry.value.length > MAX_ITEMS ? `, ... (${entry.value.length} in all)` : "";
  return `[${items.join(", ")}${more}]`;
}

function shorten(value: MetadataScalar, type: GgufScalarType): string {
  if (type === "float32") return shortestFloat32(Number(value));
  if (typeof value !== "string") return String(value);
  const cut = value.length > MAX_CHARACTERS ? `... (${value.length} characters)` : "";
  return JSON.stringify(value.slice(0, MAX_CHARACTERS)) + cut;
}

const FLOAT32_DIGITS = 9; // always enough to tell two of them apart

/** 0.00001 rather than 0.000009999999747378752. */
function shortestFloat32(value: number): string {
  for (let digits = 1; digits < FLOAT32_DIGITS; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}
