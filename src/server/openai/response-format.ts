import { type ConstraintSpec, compileConstraint } from "../../constrain/constraint.ts";
import type { Constraint } from "../../engine/constraint.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { ApiError } from "../api-error.ts";
import type { FormatFields } from "../schemas/response-format.ts";

/** What keeps an answer to the form that was asked for; undefined: nothing.
 *    call  JSON schema of the call that the answer must be
 *  @throws {ApiError}   several forms, or a form without its schema
 *  @throws {UsageError} a schema or a grammar that cannot be kept to */
export async function constraintOf(
  fields: FormatFields,
  tokenizer: Tokenizer,
  call?: object,
): Promise<Constraint | undefined> {
  const specs: readonly (ConstraintSpec | undefined)[] = [
    call && { jsonSchema: call },
    fields.grammar == null ? undefined : { grammar: fields.grammar },
    specOf(fields.response_format),
  ];
  const [spec, another] = specs.filter((one) => one !== undefined);
  if (another) throw refuse("an answer has one form: a call, a grammar or a response_format");
  return spec && compileConstraint(tokenizer, spec);
}

function specOf(format: FormatFields["response_format"]): ConstraintSpec | undefined {
  if (format == null || format.type === "text") return undefined;
  if (format.type === "json_object") return { json: true };
  const schema = format.json_schema?.schema;
  if (schema) return { jsonSchema: schema };
  throw refuse("json_schema.schema is missing");
}

function refuse(message: string): ApiError {
  return new ApiError("INVALID_INPUT", message, { param: "response_format" });
}
