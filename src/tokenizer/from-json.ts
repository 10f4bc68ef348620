import { UnsupportedError } from "../errors.ts";
import { type ByteLevelSpec, byteLevelEncoding, missingByte } from "./byte-level.ts";
import type { TokenizerDefinition, TokenizerRoles } from "./definition.ts";
import { asArray, asObject, isObject, type JsonObject, tokenText } from "./json-fields.ts";
import { recogniseByteLevel } from "./json-model.ts";
import { readJsonVocabulary } from "./json-vocabulary.ts";
import { libraryEncoding } from "./library.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { buildTokenizer } from "./vocabulary-tokenizer.ts";

/** The parsed JSON files of a Hugging Face directory. */
export interface TokenizerFiles {
  readonly tokenizer: unknown;
  readonly tokenizerConfig?: unknown;
  readonly generationConfig?: unknown;
}

/** Builds a tokenizer from tokenizer.json and the files beside it. Byte-level BPE with a known
 *  pre-tokenizer is ours, all other byte-level models run on @huggingface/tokenizers.
 *  @throws {ModelFormatError} malformed files, equal tokens, merges of unknown tokens
 *  @throws {UnsupportedError} a model that is not byte-level (SentencePiece, WordPiece) */
export function tokenizerFromJson(files: TokenizerFiles): Tokenizer {
  return buildTokenizer(definitionFromJson(files));
}

/** What `tokenizerFromJson` builds from. */
export function definitionFromJson(files: TokenizerFiles): TokenizerDefinition {
  const json = asObject(files.tokenizer, "tokenizer.json");
  checkByteLevel(json);
  const vocabulary = readJsonVocabulary(json);
  const spec = recogniseByteLevel(json, vocabulary.merges);
  return {
    ...vocabulary,
    ...readRoles(files, json, vocabulary.idOf),
    pre: spec?.pre ?? "custom",
    notes: [],
    encoding: (compact) => {
      // A byte without a token needs the unknown token, which only the library knows how to use.
      const ours = spec && (missingByte(compact) === undefined || !hasUnknown(json));
      return ours ? byteLevelEncoding(compact, spec as ByteLevelSpec) : libraryEncoding(json);
    },
  };
}

function hasUnknown(json: JsonObject): boolean {
  return typeof asObject(json["model"], "tokenizer.json: model")["unk_token"] === "string";
}

/** The decoder tells byte-level models from the others, whatever the model type says. */
function checkByteLevel(json: JsonObject): void {
  const model = asObject(json["model"], "tokenizer.json: model");
  const decoder = isObject(json["decoder"]) ? json["decoder"]["type"] : undefined;
  const isBpe = model["type"] === "BPE" || (model["type"] === undefined && "merges" in model);
  if (isBpe && decoder === "ByteLevel") return;
  const found = `model ${String(model["type"])}, decoder ${String(decoder)}`;
  throw new UnsupportedError(`tokenizer.json: ${found}: only byte-level BPE is supported`);
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
  const eos = role("eos_token") ?? last;
  const declared = generation["eos_token_id"];
  const stops = Array.isArray(declared) ? declared : [declared];
  return {
    bos,
    eos,
    addBos: optionalFlag(config["add_bos_token"]) ?? (first !== undefined && first === bos),
    addEos: optionalFlag(config["add_eos_token"]) ?? (last !== undefined && last === eos),
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
