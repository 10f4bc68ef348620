import { literal } from "./ebnf.ts";
import type { Flat, NumberBounds, TextBounds } from "./flat.ts";
import { typeOf } from "./flatten.ts";
import { canonical } from "./merge.ts";
import { refuse } from "./node.ts";

/** Grammars of the values of an enum, as far as they keep to the other keywords beside it. */
export function valueGrammars(flat: Flat, values: readonly unknown[]): string[] {
  const left = values.filter((value) => hasType(value, flat) && isWithin(value, flat));
  return [...new Set(left.map((value) => literal(canonical(value))))];
}

function hasType(value: unknown, { types }: Flat): boolean {
  const type = typeOf(value);
  const isInteger = type === "number" && Number.isInteger(value);
  return types === undefined || types.has(type) || (isInteger && types.has("integer"));
}

function isWithin(value: unknown, { text, number, list, fields, pointer }: Flat): boolean {
  if (typeof value === "number") return isNumberWithin(value, number);
  if (typeof value === "string") return isTextWithin(value, text, pointer);
  const bounds = Array.isArray(value) ? list : typeOf(value) === "object" ? fields : {};
  if (Object.keys(bounds).length > 0) {
    refuse(pointer, "arrays and objects in an enum beside keywords for them are not supported");
  }
  return true;
}

function isNumberWithin(x: number, { min, max, above, below, whole }: NumberBounds): boolean {
  const isAbove = !(min !== undefined && x < min) && !(above !== undefined && x <= above);
  const isBelow = !(max !== undefined && x > max) && !(below !== undefined && x >= below);
  return isAbove && isBelow && (!whole || Number.isInteger(x));
}

function isTextWithin(text: string, bounds: TextBounds, pointer: string): boolean {
  if (bounds.format !== undefined) refuse(pointer, "format beside enum or const is not supported");
  const { length } = Array.from(text);
  const isLongEnough = length >= (bounds.min ?? 0) && length <= (bounds.max ?? length);
  return isLongEnough && (!bounds.pattern || new RegExp(bounds.pattern, "u").test(text));
}
