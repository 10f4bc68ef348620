import { join } from "node:path";
import { ModelFormatError, UnsupportedError } from "../errors.ts";
import { JsonObject, parseJson, show } from "./json.ts";

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** What a tokenizer.json of the BPE kind says, checked as far as it is used. */
export interface TokenizerJson {
  /** The file's text. */
  readonly text: string;
  readonly vocab: ReadonlyMap<string, number>;
  /** "left right" in rank order. */
  readonly merges: readonly string[];
  /** A part of a merge holds a space, so that `merges` is ambiguous. */
  readonly mergesHaveSpaces: boolean;
  readonly unkToken: string | undefined;
  readonly added: readonly AddedToken[];
  readonly postProcessor: JsonObject | undefined;
  /** The parts that say how text becomes tokens, as the file has them. */
  readonly rules: Readonly<Record<string, unknown>>;
}

const RULES = ["model", "normalizer", "pre_tokenizer", "decoder", "added_tokens"];

/** Parses the text of `folder/tokenizer.json`.
 *  @throws {ModelFormatError} not JSON, or not of the form that the tokenizers library writes
 *  @throws {UnsupportedError} a tokenizer that is not BPE */
export function readTokenizerJson(text: string, folder: string): TokenizerJson {
  const root = parseJson(text, join(folder, "tokenizer.json"));
  const model = root.need("model", root.object);
  const type = model.string("type") ?? "BPE";
  if (type !== "BPE") throw new UnsupportedError(`${root.file}: tokenizer model ${type}`);
  const merges = readMerges(model);
  return {
    text,
    vocab: readVocab(model.need("vocab", model.object)),
    ...merges,
    unkToken: model.string("unk_token"),
    added: (root.array("added_tokens") ?? []).map((value, i) =>
      readAdded(new JsonObject(`${root.file}: added_tokens[${i}]`, value)),
    ),
    postProcessor: root.object("post_processor"),
    rules: Object.fromEntries(RULES.map((key) => [key, root.get(key)])),
  };
}

function readVocab(vocab: JsonObject): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (const [token, id] of vocab.entries()) {
    if (!isTokenId(id)) throw new ModelFormatError(`${vocab.file}: ${show(token)}: id ${show(id)}`);
    ids.set(token, id);
  }
  return ids;
}

function isTokenId(id: unknown): id is number {
  return Number.isInteger(id) && Number(id) >= 0;
}

/** Merges are strings "a b", or pairs ["a", "b"] since tokenizers 0.20. */
function readMerges(model: JsonObject): Pick<TokenizerJson, "merges" | "mergesHaveSpaces"> {
  let mergesHaveSpaces = false;
  const merges = model.need("merges", model.array).map((merge, i) => {
    const text = isPair(merge) ? merge.join(" ") : merge;
    // There are 280 k of them: one search each, no splitting.
    const space = typeof text === "string" ? text.indexOf(" ") : -1;
    const isMerge = typeof text === "string" && space > 0 && space < text.length - 1;
    const hasMore = isMerge && text.includes(" ", space + 1);
    if (!isMerge || (hasMore && text === merge)) {
      throw new ModelFormatError(`${model.file}: merges[${i}]: ${show(merge)} is not a pair`);
    }
    mergesHaveSpaces ||= hasMore;
    return text;
  });
  return { merges, mergesHaveSpaces };
}

function isPair(value: unknown): value is readonly [string, string] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  return value.every((part) => typeof part === "string" && part !== "");
}

function readAdded(token: JsonObject): AddedToken {
  const id = token.need("id", token.number);
  if (!isTokenId(id)) throw new ModelFormatError(`${token.file}: id ${show(id)}`);
  return {
    id,
    content: token.need("content", token.string),
    special: token.boolean("special") ?? false,
  };
}
