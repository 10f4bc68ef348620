import { type ByteLevelSpec, NORMALIZATIONS, type Normalization } from "./byte-level.ts";
import { asObject, isObject, type JsonObject } from "./json-fields.ts";
import { digitsSeeBytes, HOLDS_NUMERIC_BYTE, jsonSteps } from "./json-pre-tokenizer.ts";
import { findByJsonSteps, type PreTokenizerSpec } from "./pre-tokenizers.ts";

/** A byte-level tokenizer.json in our terms; merges are left to the caller. */
export interface ByteLevelForm extends Omit<ByteLevelSpec, "merges" | "patterns"> {
  readonly pre: PreTokenizerSpec;
}

/** Of rows that differ in `ignoreMerges` alone, the model's own is taken.
 *  @returns a text if the model has a part that ours lacks: what that is */
export function recogniseByteLevel(json: JsonObject): ByteLevelForm | string {
  const model = asObject(json["model"], "tokenizer.json: model");
  const ignoreMerges = model["ignore_merges"] === true;
  const rows = recogniseSplit(json["pre_tokenizer"], model);
  const pre = rows.find((row) => (row.ignoreMerges ?? false) === ignoreMerges) ?? rows[0];
  if (!pre) return "its pre-tokenizer has no name";
  const normalization = recogniseNormalizer(json["normalizer"]);
  if (normalization === null) return "its normalizer is not a Unicode normalization";
  const unusual = UNUSUAL_OPTIONS.find((key) => model[key]);
  if (unusual !== undefined) return `it has the option ${unusual}`;
  return { pre, ignoreMerges, ...(normalization && { normalization }) };
}

const UNUSUAL_OPTIONS = [
  "dropout",
  "continuing_subword_prefix",
  "end_of_word_suffix",
  "byte_fallback",
];

/** undefined: none; null: one that we do not have. */
function recogniseNormalizer(value: unknown): Normalization | undefined | null {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) return null;
  return NORMALIZATIONS.find((name) => name === value["type"]) ?? null;
}

function recogniseSplit(preTokenizer: unknown, model: JsonObject): readonly PreTokenizerSpec[] {
  const steps = jsonSteps(preTokenizer);
  if (!steps) return [];
  // Rows look for digits in text. That is the same unless a token spans what bytes alone would cut.
  const differs = digitsSeeBytes(steps) && Object.keys(vocab(model)).some(spansNumericByte);
  return differs ? [] : findByJsonSteps(steps);
}

function spansNumericByte(token: string): boolean {
  return HOLDS_NUMERIC_BYTE.test(token);
}

function vocab(model: JsonObject): JsonObject {
  return asObject(model["vocab"], "tokenizer.json: vocab");
}
