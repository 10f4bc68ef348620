import type { ByteLevelSpec } from "./byte-level.ts";
import { asArray, asObject, isObject, type JsonObject } from "./json-fields.ts";
import type { Merge } from "./merge-table.ts";
import { findPreTokenizer } from "./pre-tokenizers.ts";

/** The `Split` expressions of published tokenizer.json files and the pre-tokenizers that they are.
 *  Group `(?i:...)` is what the rows of pre-tokenizers.ts write out. */
const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const TAIL = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const KNOWN_SPLITS: ReadonlyMap<string, string> = new Map([
  [String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|${TAIL}`, "llama-bpe"],
  [String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|${TAIL}`, "qwen2"],
]);

const NORMALIZATIONS = ["NFC", "NFD", "NFKC", "NFKD"] as const;

/** The model of a tokenizer.json in our terms; undefined if it has a part that ours lacks. */
export function recogniseByteLevel(
  json: JsonObject,
  merges: readonly Merge[],
): (ByteLevelSpec & { readonly pre: string }) | undefined {
  const model = asObject(json["model"], "tokenizer.json: model");
  const pre = recognisePreTokenizer(json["pre_tokenizer"]);
  const row = pre === undefined ? undefined : findPreTokenizer(pre);
  const normalization = recogniseNormalizer(json["normalizer"]);
  if (!row || normalization === null || !isPlainBpe(model)) return undefined;
  const ignoreMerges = model["ignore_merges"] === true;
  const spec = { pre: row.name, patterns: row.patterns, merges, ignoreMerges };
  return normalization === undefined ? spec : { ...spec, normalization };
}

function isPlainBpe(model: JsonObject): boolean {
  const absent = ["dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"];
  return absent.every((key) => !model[key]);
}

/** undefined: none; null: one that we do not have. */
function recogniseNormalizer(value: unknown): ByteLevelSpec["normalization"] | null {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) return null;
  return NORMALIZATIONS.find((name) => name === value["type"]) ?? null;
}

function recognisePreTokenizer(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  if (value["type"] === "ByteLevel") return isByteLevel(value, true) ? "gpt-2" : undefined;
  if (value["type"] !== "Sequence") return undefined;
  const steps = asArray(value["pretokenizers"], "tokenizer.json: pretokenizers");
  const [split, byteLevel] = steps;
  if (steps.length !== 2 || !isObject(split) || !isByteLevel(byteLevel, false)) return undefined;
  const isolates = split["behavior"] === "Isolated" && split["invert"] !== true;
  const pattern = isObject(split["pattern"]) ? split["pattern"]["Regex"] : undefined;
  if (split["type"] !== "Split" || !isolates || typeof pattern !== "string") return undefined;
  return KNOWN_SPLITS.get(pattern);
}

/** Whether this step maps bytes to characters, adds no space, and splits (or does not). */
function isByteLevel(step: unknown, splits: boolean): boolean {
  if (!isObject(step) || step["type"] !== "ByteLevel") return false;
  return step["add_prefix_space"] !== true && (step["use_regex"] !== false) === splits;
}
