import type { Flat } from "./flat.ts";
import {
  child,
  countOf,
  JSON_TYPES,
  type JsonType,
  namedPlaces,
  type Place,
  placeOf,
  placesOf,
  refuse,
} from "./node.ts";

/** They say nothing about which values are valid. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
]);

/** They join schemas to others; see `Flattener`. */
const JOINTS: ReadonlySet<string> = new Set(["$ref", "allOf", "anyOf", "oneOf"]);

/** Annotations of whoever made them, by convention. */
const EXTENSION = /^x-/;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<Pick<Flat, "pointer" | "types" | "values">> & {
  [K in "text" | "number" | "list" | "fields"]: Mutable<Flat[K]>;
};

type Write = (flat: Draft, value: unknown, pointer: string) => void;

const KEYWORDS: Readonly<Record<string, Write>> = {
  type: (flat, value, pointer) => {
    const names = Array.isArray(value) ? value : [value];
    const stray = names.find((name) => !JSON_TYPES.includes(name));
    if (stray !== undefined || names.length === 0) {
      refuse(pointer, `unknown type ${JSON.stringify(stray)}`, `types: ${JSON_TYPES.join(", ")}`);
    }
    flat.types = new Set(names as JsonType[]);
  },
  enum: (flat, value, pointer) => {
    if (!Array.isArray(value)) return refuse(pointer, "expected a list of values");
    flat.values = value;
  },
  const: (flat, value) => {
    flat.values = [value];
  },
  minLength: (flat, value, pointer) => {
    flat.text.min = countOf(value, pointer);
  },
  maxLength: (flat, value, pointer) => {
    flat.text.max = countOf(value, pointer);
  },
  pattern: (flat, value, pointer) => {
    if (typeof value !== "string") return refuse(pointer, "expected a regular expression");
    flat.text.pattern = value;
  },
  format: (flat, value, pointer) => {
    if (typeof value !== "string") return refuse(pointer, "expected the name of a format");
    flat.text.format = value;
  },
  minimum: (flat, value, pointer) => {
    flat.number.min = numberOf(value, pointer);
  },
  maximum: (flat, value, pointer) => {
    flat.number.max = numberOf(value, pointer);
  },
  exclusiveMinimum: (flat, value, pointer) => {
    flat.number.above = numberOf(value, pointer);
  },
  exclusiveMaximum: (flat, value, pointer) => {
    flat.number.below = numberOf(value, pointer);
  },
  multipleOf: (flat, value, pointer) => {
    if (value !== 1) refuse(pointer, "multipleOf is supported for 1 alone");
    flat.number.whole = true;
  },
  items: (flat, value, pointer) => {
    flat.list.items = placeOf(value, pointer);
  },
  prefixItems: (flat, value, pointer) => {
    flat.list.first = placesOf(value, pointer);
  },
  minItems: (flat, value, pointer) => {
    flat.list.min = countOf(value, pointer);
  },
  maxItems: (flat, value, pointer) => {
    flat.list.max = countOf(value, pointer);
  },
  uniqueItems: (_flat, value, pointer) => {
    if (value !== false) refuse(pointer, "uniqueItems is not supported");
  },
  properties: (flat, value, pointer) => {
    flat.fields.named = new Map(namedPlaces(value, pointer));
  },
  required: (flat, value, pointer) => {
    const good = Array.isArray(value) && value.every((name) => typeof name === "string");
    if (!good) return refuse(pointer, "expected a list of names");
    flat.fields.required = new Set(value as string[]);
  },
  additionalProperties: (flat, value, pointer) => {
    flat.fields.others = placeOf(value, pointer);
  },
  minProperties: (flat, value, pointer) => {
    flat.fields.min = countOf(value, pointer);
  },
  maxProperties: (flat, value, pointer) => {
    flat.fields.max = countOf(value, pointer);
  },
};

/** What the keywords of one schema say by themselves, without those that join it to others.
 *  @throws {UsageError} a keyword that is not known, or that has a value it cannot have */
export function readKeywords({ schema, pointer }: Place): Flat | "anything" {
  const flat: Draft = { pointer, text: {}, number: {}, list: {}, fields: {} };
  let says = false;
  for (const [name, value] of Object.entries(schema as object)) {
    if (ANNOTATIONS.has(name) || JOINTS.has(name) || EXTENSION.test(name)) continue;
    const write = Object.hasOwn(KEYWORDS, name) ? KEYWORDS[name] : undefined;
    if (!write) refuse(pointer, `keyword ${JSON.stringify(name.slice(0, 80))} is not supported`);
    (write as Write)(flat, value, child(pointer, name));
    says = true;
  }
  return says ? flat : "anything";
}

function numberOf(value: unknown, pointer: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return refuse(pointer, "expected a number");
}
