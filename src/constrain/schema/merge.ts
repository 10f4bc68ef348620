import type { FieldBounds, Flat, ListBounds, NumberBounds, TextBounds } from "./flat.ts";
import { type JsonType, type Place, refuse } from "./node.ts";

/** Makes one schema of two that both hold. */
export type Join = (a: Place, b: Place) => Place;

/** What both ask. */
export function merge(a: Flat, b: Flat, join: Join): Flat {
  const { pointer } = a;
  const types = both(a.types, b.types, commonTypes);
  const values = both(a.values, b.values, commonValues);
  return {
    pointer,
    ...(types && { types }),
    ...(values && { values }),
    text: mergeText(a.text, b.text, pointer),
    number: mergeNumbers(a.number, b.number),
    list: mergeLists(a.list, b.list, join, pointer),
    fields: mergeFields(a.fields, b.fields, join),
  };
}

function both<T>(a: T | undefined, b: T | undefined, combine: (a: T, b: T) => T): T | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : combine(a, b);
}

function commonTypes(a: ReadonlySet<JsonType>, b: ReadonlySet<JsonType>): ReadonlySet<JsonType> {
  const allows = (types: ReadonlySet<JsonType>, type: JsonType) =>
    types.has(type) || (type === "integer" && types.has("number"));
  return new Set([...a, ...b].filter((type) => allows(a, type) && allows(b, type)));
}

function commonValues(a: readonly unknown[], b: readonly unknown[]): readonly unknown[] {
  const texts = new Set(b.map(canonical));
  return a.filter((value) => texts.has(canonical(value)));
}

/** The same text for equal values, whatever the order of their keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`);
  return `{${entries.sort().join(",")}}`;
}

function mergeText(a: TextBounds, b: TextBounds, pointer: string): TextBounds {
  const only = (kind: "pattern" | "format") => (x: string, y: string) =>
    x === y ? x : refuse(pointer, `two ${kind}s at once are not supported`);
  return defined({
    min: both(a.min, b.min, Math.max),
    max: both(a.max, b.max, Math.min),
    pattern: both(a.pattern, b.pattern, only("pattern")),
    format: both(a.format, b.format, only("format")),
  });
}

function mergeNumbers(a: NumberBounds, b: NumberBounds): NumberBounds {
  return defined({
    min: both(a.min, b.min, Math.max),
    max: both(a.max, b.max, Math.min),
    above: both(a.above, b.above, Math.max),
    below: both(a.below, b.below, Math.min),
    whole: a.whole ?? b.whole,
  });
}

function mergeLists(a: ListBounds, b: ListBounds, join: Join, pointer: string): ListBounds {
  const alike = (x: readonly Place[], y: readonly Place[]) =>
    x.length === y.length
      ? x.map((place, i) => join(place, y[i] as Place))
      : refuse(pointer, "prefixItems of different lengths at once are not supported");
  if ((a.first === undefined) !== (b.first === undefined) && (a.items ?? b.items)) {
    refuse(pointer, "prefixItems beside items of another schema are not supported");
  }
  return defined({
    min: both(a.min, b.min, Math.max),
    max: both(a.max, b.max, Math.min),
    first: both(a.first, b.first, alike),
    items: both(a.items, b.items, join),
  });
}

function mergeFields(a: FieldBounds, b: FieldBounds, join: Join): FieldBounds {
  const named = new Map<string, Place>();
  for (const name of [...(a.named?.keys() ?? []), ...(b.named?.keys() ?? [])]) {
    const place = both(a.named?.get(name) ?? a.others, b.named?.get(name) ?? b.others, join);
    if (place) named.set(name, place);
  }
  return defined({
    named: a.named || b.named ? named : undefined,
    required: both(a.required, b.required, (x, y) => new Set([...x, ...y])),
    others: both(a.others, b.others, join),
    min: both(a.min, b.min, Math.max),
    max: both(a.max, b.max, Math.min),
  });
}

/** Without the keys that are undefined. */
function defined<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}
