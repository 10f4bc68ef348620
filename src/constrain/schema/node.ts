import { UsageError } from "../../errors.ts";

export type JsonType = "null" | "boolean" | "integer" | "number" | "string" | "array" | "object";
export type Schema = boolean | Readonly<Record<string, unknown>>;

/** All there are. An integer is a number, too: whoever allows numbers allows it. */
export const JSON_TYPES: readonly JsonType[] = [
  "null",
  "boolean",
  "integer",
  "number",
  "string",
  "array",
  "object",
];

/** A schema and where it stands, as a JSON pointer. */
export interface Place {
  readonly schema: Schema;
  readonly pointer: string;
}

/** @throws {UsageError} always */
export function refuse(pointer: string, problem: string, hint?: string): never {
  throw new UsageError(`schema: ${pointer || "/"}: ${problem}`, hint === undefined ? {} : { hint });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function child(pointer: string, ...steps: readonly (string | number)[]): string {
  const escaped = steps.map((step) => String(step).replaceAll("~", "~0").replaceAll("/", "~1"));
  return [pointer, ...escaped].join("/");
}

/** @throws {UsageError} neither an object nor a boolean */
export function placeOf(value: unknown, pointer: string): Place {
  if (typeof value === "boolean" || isObject(value)) return { schema: value, pointer };
  return refuse(pointer, "a schema is an object, true or false");
}

/** @throws {UsageError} not a list of schemas, or an empty one */
export function placesOf(value: unknown, pointer: string): Place[] {
  if (!Array.isArray(value) || value.length === 0) return refuse(pointer, "expected some schemas");
  return value.map((item, i) => placeOf(item, child(pointer, i)));
}

/** @throws {UsageError} not an object of schemas */
export function namedPlaces(value: unknown, pointer: string): [string, Place][] {
  if (!isObject(value)) return refuse(pointer, "expected an object of schemas");
  return Object.entries(value).map(([name, item]) => [name, placeOf(item, child(pointer, name))]);
}

/** @throws {UsageError} not a count */
export function countOf(value: unknown, pointer: string): number {
  if (Number.isInteger(value) && (value as number) >= 0) return value as number;
  return refuse(pointer, "expected a whole number, 0 or more");
}
