import { readFile } from "node:fs/promises";
import type { ConstraintSpec } from "../constrain/constraint.ts";
import type { Constraint } from "../engine/constraint.ts";
import type { Model } from "../engine/model.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import { longFlag, OPTIONS, type OptionKey, type OptionValues } from "./options.ts";

/** Options of which one at most says what every answer shall be. */
export const CONSTRAINT_OPTIONS = [
  "jsonSchema",
  "grammar",
  "jsonObject",
] as const satisfies readonly OptionKey[];

type Options = OptionValues<(typeof CONSTRAINT_OPTIONS)[number]>;

/** A schema, and no file's name. */
const SCHEMA = /^\s*(?:\{|true\s*$|false\s*$)/;
/** What every grammar has and few files' names do. */
const RULE = "::=";

/** What the options say, files read.
 *  @throws {UsageError}    two of them, or a schema that is not JSON
 *  @throws {NotFoundError} no such file */
export async function readConstraint(options: Options): Promise<ConstraintSpec | undefined> {
  const { jsonSchema, grammar, jsonObject } = options;
  const given = CONSTRAINT_OPTIONS.filter((key) => options[key]);
  if (given.length > 1) {
    const flags = given.map((key) => longFlag(OPTIONS[key].flags));
    throw new UsageError(`${flags.join(" and ")} exclude one another`, {
      hint: "give one of them",
    });
  }
  if (jsonObject) return { json: true };
  if (grammar !== undefined) {
    return { grammar: grammar.includes(RULE) ? grammar : await readText(grammar) };
  }
  if (jsonSchema === undefined) return undefined;
  const text = SCHEMA.test(jsonSchema) ? jsonSchema : await readText(jsonSchema);
  try {
    return { jsonSchema: JSON.parse(text) as object | boolean };
  } catch (cause) {
    throw new UsageError(`--json-schema: not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Loads the compiler only for those who need it.
 *  @throws as `compileConstraint` */
export async function constraintOf(
  { tokenizer }: Pick<Model, "tokenizer">,
  spec: ConstraintSpec | undefined,
): Promise<Constraint | undefined> {
  if (!spec) return undefined;
  const { compileConstraint } = await import("../constrain/constraint.ts");
  return compileConstraint(tokenizer, spec);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new NotFoundError(`${path}: ${(cause as Error).message}`, { cause });
  }
}
