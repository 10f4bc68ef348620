import type { ConstraintSpec } from "../constrain/constraint.ts";
import type { SamplingParams } from "../engine/binding.ts";
import { UsageError } from "../errors.ts";

type SamplingNumber = Exclude<keyof SamplingParams, "seed" | "logitBias">;

/** What one request may want otherwise than the others: the names of the command line's settings. */
export interface LineOptions extends Partial<Readonly<Record<SamplingNumber, number>>> {
  readonly nPredict?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  /** What the answer shall be. */
  readonly constraint?: ConstraintSpec;
}

type OptionName = keyof LineOptions;

interface Range {
  readonly min: number;
  readonly max?: number;
  readonly whole?: true;
}

const NUMBERS: Readonly<Record<Exclude<OptionName, "stop" | "constraint">, Range>> = {
  nPredict: { min: -1, whole: true },
  seed: { min: Number.MIN_SAFE_INTEGER, whole: true },
  temperature: { min: 0 },
  topK: { min: 0, whole: true },
  topP: { min: 0, max: 1 },
  minP: { min: 0, max: 1 },
  repeatPenalty: { min: Number.MIN_VALUE },
  repeatLastN: { min: -1, whole: true },
  frequencyPenalty: { min: -2, max: 2 },
  presencePenalty: { min: -2, max: 2 },
};

/** What the mistakes in a schema or a grammar are shows when it is compiled. */
const CONSTRAINTS: Readonly<Record<string, (value: unknown) => ConstraintSpec>> = {
  jsonSchema: (value) => {
    if (typeof value === "boolean" || isObject(value)) return { jsonSchema: value };
    throw new UsageError("jsonSchema: expected a JSON Schema");
  },
  grammar: (value) => {
    if (typeof value === "string") return { grammar: value };
    throw new UsageError("grammar: expected a text");
  },
  jsonObject: (value) => {
    if (value === true) return { json: true };
    throw new UsageError("jsonObject: expected true");
  },
};

/** The option that a field of a request sets.
 *  @throws {UsageError} no such option, or no such value */
export function optionOf(name: string, value: unknown): LineOptions {
  if (name === "stop") return { stop: readStops(value) };
  const read = Object.hasOwn(CONSTRAINTS, name) ? CONSTRAINTS[name] : undefined;
  if (read) return { constraint: read(value) };
  const range = Object.hasOwn(NUMBERS, name) ? NUMBERS[name as keyof typeof NUMBERS] : undefined;
  if (!range) {
    throw new UsageError(`unknown field "${name.slice(0, 40)}"`, {
      hint: `options: ${[...Object.keys(NUMBERS), "stop", ...Object.keys(CONSTRAINTS)].join(", ")}`,
    });
  }
  const { min, max = Number.MAX_SAFE_INTEGER, whole } = range;
  const isIn = typeof value === "number" && value >= min && value <= max;
  if (isIn && (!whole || Number.isSafeInteger(value))) return { [name]: value };
  throw new UsageError(`${name}: expected ${describe(range)}`);
}

function describe({ min, max, whole }: Range): string {
  const kind = whole ? "a whole number" : "a number";
  if (max !== undefined) return `${kind} from ${min} to ${max}`;
  if (min === Number.MIN_SAFE_INTEGER) return kind;
  return min === Number.MIN_VALUE ? `${kind} above 0` : `${kind} of at least ${min}`;
}

function readStops(value: unknown): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.every((one) => typeof one === "string" && one !== "")) return list;
  throw new UsageError("stop: expected a text or a list of texts, none of them empty");
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
