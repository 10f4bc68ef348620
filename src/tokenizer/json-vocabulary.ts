import { ModelFormatError } from "../errors.ts";
import { asArray, asIndex, asObject, asString, isObject, type JsonObject } from "./json-fields.ts";
import type { Merge } from "./merge-table.ts";
import { markPieceKinds } from "./special-tokens.ts";
import { TOKEN_KIND } from "./token-kind.ts";
import { MAX_VOCABULARY } from "./vocabulary.ts";

export interface JsonVocabulary {
  /** By id; undefined where the file has no token. */
  readonly texts: readonly (string | undefined)[];
  readonly kinds: Uint8Array;
  readonly lstrip: ReadonlySet<number>;
  readonly rstrip: ReadonlySet<number>;
  readonly merges: readonly Merge[];
  readonly idOf: (text: string) => number | undefined;
}

interface JsonToken {
  readonly id: number;
  readonly kind: number;
}

/** Reads `model.vocab`, `model.merges` and `added_tokens` of a tokenizer.json.
 *  @param namesBytes  tokens called <0x00> to <0xFF> stand for bytes, and model.unk_token for the rest
 *  @throws {ModelFormatError} ids out of range or taken twice, values of the wrong type */
export function readJsonVocabulary(json: JsonObject, namesBytes: boolean): JsonVocabulary {
  const model = asObject(json["model"], "tokenizer.json: model");
  const tokens = new Map<string, JsonToken>();
  for (const [text, value] of Object.entries(asObject(model["vocab"], "tokenizer.json: vocab"))) {
    const id = asIndex(value, MAX_VOCABULARY, `tokenizer.json: vocab ${JSON.stringify(text)}`);
    tokens.set(text, { id, kind: TOKEN_KIND.normal });
  }
  const lstrip = new Set<number>();
  const rstrip = new Set<number>();
  for (const value of asArray(json["added_tokens"], "tokenizer.json: added_tokens")) {
    const row = asObject(value, "tokenizer.json: added token");
    const text = asString(row["content"], "tokenizer.json: added token: content");
    // As the reference has it: a token that the model knows keeps the model's id.
    const id = tokens.get(text)?.id ?? asIndex(row["id"], MAX_VOCABULARY, `added token ${text}`);
    const kind = row["special"] === true ? TOKEN_KIND.control : TOKEN_KIND.userDefined;
    tokens.set(text, { id, kind });
    if (row["lstrip"] === true) lstrip.add(id);
    if (row["rstrip"] === true) rstrip.add(id);
  }
  const { texts, kinds } = byId(tokens);
  if (namesBytes) markPieceKinds(texts, kinds, model["unk_token"]);
  const merges = readMerges(model["merges"]);
  return { texts, kinds, lstrip, rstrip, merges, idOf: (text) => tokens.get(text)?.id };
}

function byId(tokens: ReadonlyMap<string, JsonToken>): {
  texts: (string | undefined)[];
  kinds: Uint8Array;
} {
  let size = 0;
  for (const { id } of tokens.values()) size = Math.max(size, id + 1);
  const texts = new Array<string | undefined>(size).fill(undefined);
  const kinds = new Uint8Array(size).fill(TOKEN_KIND.unused);
  for (const [text, { id, kind }] of tokens) {
    if (texts[id] !== undefined) {
      const both = `${JSON.stringify(texts[id])} and ${JSON.stringify(text)}`;
      throw new ModelFormatError(`tokenizer.json: ${both} have the same id ${id}`);
    }
    texts[id] = text;
    kinds[id] = kind;
  }
  return { texts, kinds };
}

function readMerges(value: unknown): readonly Merge[] {
  const merges = asArray(value, "tokenizer.json: merges");
  const bad = merges.findIndex((merge) => !isMerge(merge));
  if (bad >= 0) throw new ModelFormatError(`tokenizer.json: merge ${bad} is not a pair of strings`);
  return merges as readonly Merge[];
}

function isMerge(value: unknown): boolean {
  if (typeof value === "string") return true;
  if (!Array.isArray(value) || value.length !== 2) return false;
  return typeof value[0] === "string" && typeof value[1] === "string";
}

/** A copy of tokenizer.json without special tokens: what is left can only yield ordinary ones. */
export function withoutAddedTokens(json: JsonObject): JsonObject {
  const model = asObject(json["model"], "tokenizer.json: model");
  const vocab: Record<string, unknown> = { ...asObject(model["vocab"], "tokenizer.json: vocab") };
  for (const row of asArray(json["added_tokens"], "tokenizer.json: added_tokens")) {
    if (isObject(row)) delete vocab[String(row["content"])];
  }
  return { ...json, added_tokens: [], post_processor: null, model: { ...model, vocab } };
}
