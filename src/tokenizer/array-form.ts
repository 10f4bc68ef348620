import { missingByte } from "./byte-level.ts";
import { hasUnknown, isByteLevelJson } from "./from-json.ts";
import { asArray, asObject, isObject, type JsonObject } from "./json-fields.ts";
import { recogniseByteLevel } from "./json-model.ts";
import { readSentencePieceForm, type SentencePieceForm } from "./json-sentencepiece.ts";
import { scoresOfMerges } from "./merge-scores.ts";
import type { Merge } from "./merge-table.ts";
import { SENTENCE_PIECE_PRE } from "./sentencepiece.ts";
import { SENTENCE_PIECE } from "./spelling.ts";
import { TOKEN_KIND } from "./token-kind.ts";
import { Vocabulary } from "./vocabulary.ts";

/** What `tokenizer.ggml.*` keys say of a tokenizer.json. */
export interface ArrayForm {
  readonly model: "gpt2" | "llama";
  readonly pre: string;
  /** By id. */
  readonly scores: readonly number[];
  /** Model "llama" alone. */
  readonly addSpacePrefix?: boolean;
  /** Value of NORMALIZER_KEY. */
  readonly normalizer?: string;
  /** Why keys cannot say everything: tokens would differ. */
  readonly problem?: string;
}

/** What is written where there is no name for it. */
const UNNAMED_PRE = "default";

/** Finds the keys that give the same tokens as a tokenizer.json, or why there are none.
 *  @param texts  by id, `kinds` their kinds
 *  @throws {UnsupportedError} a part that we do not know either */
export function arrayForm(
  json: JsonObject,
  texts: readonly string[],
  kinds: Uint8Array,
): ArrayForm {
  const form = isByteLevelJson(json)
    ? byteLevelForm(json, texts, kinds)
    : pieceForm(json, texts, kinds);
  const added = asArray(json["added_tokens"], "tokenizer.json: added_tokens");
  if (form.problem !== undefined || !added.some(isConditional)) return form;
  return { ...form, problem: "some special tokens match under conditions" };
}

function isConditional(token: unknown): boolean {
  return isObject(token) && ["lstrip", "rstrip", "single_word"].some((key) => token[key] === true);
}

function byteLevelForm(json: JsonObject, texts: readonly string[], kinds: Uint8Array): ArrayForm {
  const scores = new Array<number>(texts.length).fill(0);
  const unnamed = { model: "gpt2", pre: UNNAMED_PRE, scores } as const;
  const form = recogniseByteLevel(json);
  if (typeof form === "string") return { ...unnamed, problem: form };
  const { pre, ignoreMerges, normalization } = form;
  if ((pre.ignoreMerges ?? false) !== ignoreMerges) {
    return { ...unnamed, problem: `ignore_merges differs from ${pre.name}` };
  }
  if (hasUnknown(json) && missingByte(new Vocabulary(texts, kinds)) !== undefined) {
    return { ...unnamed, problem: "it has an unknown token" };
  }
  const normalizer = normalization && { normalizer: normalization };
  return { model: "gpt2", pre: pre.name, scores, ...normalizer };
}

function pieceForm(json: JsonObject, texts: readonly string[], kinds: Uint8Array): ArrayForm {
  const form = readSentencePieceForm(json);
  const model = asObject(json["model"], "tokenizer.json: model");
  const merges = asArray(model["merges"], "tokenizer.json: merges") as readonly Merge[];
  const vocabulary = new Vocabulary(texts, kinds, SENTENCE_PIECE);
  const { scores, areExact } = scoresOfMerges(vocabulary, merges);
  const problem =
    spacesProblem(form) ??
    (areExact ? undefined : "its merges are not in the order of scores") ??
    unknownProblem(form, kinds);
  return {
    model: "llama",
    pre: SENTENCE_PIECE_PRE,
    scores,
    addSpacePrefix: form.prefix !== "never",
    ...(problem !== undefined && { problem }),
  };
}

function spacesProblem({ prefix, dropsLeadingSpace, splitsWords }: SentencePieceForm) {
  const hasKey = prefix === "always" ? dropsLeadingSpace : prefix === "never" && !dropsLeadingSpace;
  return hasKey && !splitsWords ? undefined : "it treats spaces in a way that has no key";
}

function unknownProblem({ fuseUnknown }: SentencePieceForm, kinds: Uint8Array) {
  const bytes = kinds.reduce((count, kind) => count + (kind === TOKEN_KIND.byte ? 1 : 0), 0);
  return fuseUnknown && bytes < 256 ? "it fuses unknown characters" : undefined;
}
