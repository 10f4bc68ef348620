import { UnsupportedError } from "../errors.ts";
import { byteLevelEncoding, missingByte } from "./byte-level.ts";
import type { TokenizerDefinition, TokenizerModel, TokenizerRoles } from "./definition.ts";
import { asArray, asObject, isObject, type JsonObject, tokenText } from "./json-fields.ts";
import { recogniseByteLevel } from "./json-model.ts";
import { readSentencePieceForm } from "./json-sentencepiece.ts";
import { type JsonVocabulary, readJsonVocabulary } from "./json-vocabulary.ts";
import { libraryEncoding } from "./library.ts";
import { MergeTable } from "./merge-table.ts";
import { SENTENCE_PIECE_PRE, sentencePieceEncoding } from "./sentencepiece.ts";
import { BYTE_LEVEL, SENTENCE_PIECE } from "./spelling.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { buildTokenizer } from "./vocabulary-tokenizer.ts";

/** The parsed JSON files of a Hugging Face directory. */
export interface TokenizerFiles {
  readonly tokenizer: unknown;
  readonly tokenizerConfig?: unknown;
  readonly generationConfig?: unknown;
}

/** Builds a tokenizer from tokenizer.json and the files beside it. Byte-level BPE with a known
 *  pre-tokenizer and SentencePiece-like BPE are ours, all other byte-level models run on
 *  @huggingface/tokenizers.
 *  @throws {ModelFormatError} malformed files, equal tokens, merges of unknown tokens
 *  @throws {UnsupportedError} another kind of model (WordPiece, Unigram), or a part that is unknown */
export function tokenizerFromJson(files: TokenizerFiles): Tokenizer {
  return buildTokenizer(definitionFromJson(files));
}

/** What `tokenizerFromJson` builds from. */
export function definitionFromJson(files: TokenizerFiles): TokenizerDefinition {
  const json = asObject(files.tokenizer, "tokenizer.json");
  checkBpe(asObject(json["model"], "tokenizer.json: model"));
  const isByteLevel = isByteLevelJson(json);
  const vocabulary = readJsonVocabulary(json, !isByteLevel);
  const model = isByteLevel ? byteLevelModel(json, vocabulary) : pieceModel(json, vocabulary);
  return { ...vocabulary, ...readRoles(files, json, vocabulary.idOf), ...model, notes: [] };
}

function checkBpe(model: JsonObject): void {
  if ((model["type"] ?? ("merges" in model ? "BPE" : undefined)) === "BPE") return;
  const found = `model ${JSON.stringify(model["type"])?.slice(0, 80)}`;
  throw new UnsupportedError(`tokenizer.json: ${found} is not supported, BPE alone is`);
}

/** The decoder tells byte-level models from the others. */
export function isByteLevelJson(json: JsonObject): boolean {
  return isObject(json["decoder"]) && json["decoder"]["type"] === "ByteLevel";
}

function byteLevelModel(json: JsonObject, { merges }: JsonVocabulary): TokenizerModel {
  const recognised = recogniseByteLevel(json);
  const form = typeof recognised === "string" ? undefined : recognised;
  return {
    spelling: BYTE_LEVEL,
    dropsLeadingSpace: false,
    pre: form?.pre.name ?? "custom",
    encoding: (compact) => {
      // A byte without a token needs the unknown token, which only the library knows how to use.
      const isOurs = form && (missingByte(compact) === undefined || !hasUnknown(json));
      if (!isOurs) return libraryEncoding(json);
      return byteLevelEncoding(compact, { ...form, patterns: form.pre.patterns, merges });
    },
  };
}

function pieceModel(json: JsonObject, { idOf, merges }: JsonVocabulary): TokenizerModel {
  const { unknown, dropsLeadingSpace, ...form } = readSentencePieceForm(json);
  const spec = {
    ...form,
    unknown: unknown === undefined ? undefined : idOf(unknown),
    merges: (compact: Vocabulary) => new MergeTable(compact, merges),
  };
  return {
    spelling: SENTENCE_PIECE,
    dropsLeadingSpace,
    pre: SENTENCE_PIECE_PRE,
    encoding: (compact) => sentencePieceEncoding(compact, spec),
  };
}

/** Whether what the vocabulary lacks becomes a token of its own. */
export function hasUnknown(json: JsonObject): boolean {
  return typeof asObject(json["model"], "tokenizer.json: model")["unk_token"] === "string";
}

function readRoles(
  files: TokenizerFiles,
  json: JsonObject,
  idOf: (text: string) => number | undefined,
): TokenizerRoles {
  const config = isObject(files.tokenizerConfig) ? files.tokenizerConfig : {};
  const generation = isObject(files.generationConfig) ? files.generationConfig : {};
  const role = (key: string): number | undefined => {
    const text = tokenText(config[key]);
    return text === undefined ? undefined : idOf(text);
  };
  const frame = readFrame(json["post_processor"]);
  const first = frame.first === undefined ? undefined : idOf(frame.first);
  const last = frame.last === undefined ? undefined : idOf(frame.last);
  const bos = role("bos_token") ?? first;
  // What is put after a text counts as EOS here, whatever ends a generation besides.
  const eos = last ?? role("eos_token");
  const declared = generation["eos_token_id"];
  const stops = [role("eos_token"), ...(Array.isArray(declared) ? declared : [declared])];
  return {
    bos,
    eos,
    addBos: optionalFlag(config["add_bos_token"]) ?? (first !== undefined && first === bos),
    addEos: optionalFlag(config["add_eos_token"]) ?? last !== undefined,
    stops: stops.filter((id) => typeof id === "number"),
    chatTemplate: pickTemplate(config["chat_template"]),
  };
}

function optionalFlag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

/** The special tokens that the post-processor puts before and after a text. */
function readFrame(processor: unknown): { first?: string; last?: string } {
  if (!isObject(processor)) return {};
  if (processor["type"] === "Sequence") {
    const frames = asArray(processor["processors"], "tokenizer.json: processors").map(readFrame);
    return Object.assign({}, ...frames);
  }
  if (processor["type"] !== "TemplateProcessing") return {};
  const items = asArray(processor["single"], "tokenizer.json: post_processor.single");
  const text = (item: unknown): string | undefined => {
    const special = isObject(item) ? item["SpecialToken"] : undefined;
    return isObject(special) && typeof special["id"] === "string" ? special["id"] : undefined;
  };
  const frame: { first?: string; last?: string } = {};
  const first = text(items[0]);
  const last = text(items.at(-1));
  if (first !== undefined) frame.first = first;
  if (last !== undefined && items.length > 1) frame.last = last;
  return frame;
}

/** `chat_template` is a template, or a list of named ones: "default" is for plain chats. */
export function pickTemplate(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.filter(isObject);
  const row = named.find((entry) => entry["name"] === "default") ?? named[0];
  return row && typeof row["template"] === "string" ? row["template"] : undefined;
}
