import { Check } from "typebox/schema";

/** Whether a value is valid for a JSON Schema, in the eyes of a validator that shares nothing with us. */
export function isValid(schema: unknown, value: unknown): boolean {
  if (typeof schema === "boolean") return schema;
  return Check(schema as object, value);
}
