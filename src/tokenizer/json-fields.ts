import { ModelFormatError } from "../errors.ts";

/** A JSON object from a file, its values yet unchecked. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `value` as an object.
 *  @throws {ModelFormatError} it is none; `what` names it */
export function asObject(value: unknown, what: string): JsonObject {
  if (isObject(value)) return value;
  throw new ModelFormatError(`${what}: expected an object, found ${describe(value)}`);
}

/** `value` as an array; [] if it is absent.
 *  @throws {ModelFormatError} it is neither; `what` names it */
export function asArray(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new ModelFormatError(`${what}: expected an array, found ${describe(value)}`);
}

export function asString(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw new ModelFormatError(`${what}: expected a string, found ${describe(value)}`);
}

/** `value` as an index in [0, limit). */
export function asIndex(value: unknown, limit: number, what: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < limit) {
    return value as number;
  }
  const range = `expected an integer from 0 to ${limit - 1}`;
  throw new ModelFormatError(`${what}: ${range}, found ${describe(value)}`);
}

/** A special token as tokenizer_config.json writes it: its text, or an object with `content`. */
export function tokenText(value: unknown): string | undefined {
  const text = isObject(value) ? value["content"] : value;
  return typeof text === "string" ? text : undefined;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
