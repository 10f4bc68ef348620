import { UnsupportedError } from "../errors.ts";
import { asArray, asObject, isObject, type JsonObject } from "./json-fields.ts";
import type { SpacePrefix } from "./sentencepiece.ts";

/** A SentencePiece-like tokenizer.json in our terms; merges are left to the caller. */
export interface SentencePieceForm {
  readonly prefix: SpacePrefix;
  readonly splitsWords: boolean;
  readonly dropsLeadingSpace: boolean;
  readonly unknown: string | undefined;
  readonly fuseUnknown: boolean;
}

const MARK = "\u2581";

/** What a step does to spaces: replaces them, puts one before the text, or nothing. */
interface Spaces {
  readonly replaced?: true;
  readonly prefix?: SpacePrefix;
  readonly splitsWords?: boolean;
}

/** Reads the parts of a BPE model that spells spaces as U+2581.
 *  @throws {UnsupportedError} a part that ours lacks; names it */
export function readSentencePieceForm(json: JsonObject): SentencePieceForm {
  const model = asObject(json["model"], "tokenizer.json: model");
  for (const key of ["dropout", "continuing_subword_prefix", "end_of_word_suffix"]) {
    if (model[key]) throw new UnsupportedError(`tokenizer.json: model.${key} is not supported`);
  }
  if (model["ignore_merges"] === true) {
    throw new UnsupportedError("tokenizer.json: ignore_merges without byte-level is not supported");
  }
  const normalizers = parts(json["normalizer"], "normalizers").map(readNormalizer);
  const normalized: Spaces = Object.assign({}, ...normalizers);
  const preTokenizers = parts(json["pre_tokenizer"], "pretokenizers").map((step) =>
    readPreTokenizer(step, normalized),
  );
  const spaces: Spaces = Object.assign(normalized, ...preTokenizers);
  if (!spaces.replaced) throw unsupported("normalizer", json["normalizer"]);
  const unknown = model["unk_token"];
  return {
    prefix: spaces.prefix ?? "never",
    splitsWords: spaces.splitsWords ?? false,
    dropsLeadingSpace: readDecoder(json["decoder"]),
    unknown: typeof unknown === "string" ? unknown : undefined,
    fuseUnknown: model["fuse_unk"] === true,
  };
}

function parts(value: unknown, key: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!isObject(value) || value["type"] !== "Sequence") return [value];
  return asArray(value[key], `tokenizer.json: ${key}`);
}

function readNormalizer(step: unknown): Spaces {
  if (isObject(step)) {
    if (step["type"] === "Prepend" && step["prepend"] === MARK) return { prefix: "always" };
    if (step["type"] === "Replace" && stringPattern(step) === " " && step["content"] === MARK) {
      return { replaced: true };
    }
  }
  throw unsupported("normalizer", step);
}

function readPreTokenizer(step: unknown, normalized: Spaces): Spaces {
  if (isObject(step)) {
    // Gemma's files split at spaces after the normalizer has left none.
    const splitsAtSpaces = step["type"] === "Split" && stringPattern(step) === " ";
    if (splitsAtSpaces && normalized.replaced) return {};
    if (step["type"] === "Metaspace" && (step["replacement"] ?? MARK) === MARK) {
      const splitsWords = step["split"] !== false;
      return { replaced: true, splitsWords, prefix: metaspacePrefix(step) };
    }
  }
  throw unsupported("pre_tokenizer", step);
}

function metaspacePrefix(step: JsonObject): SpacePrefix {
  const scheme =
    step["prepend_scheme"] ?? (step["add_prefix_space"] === false ? "never" : "always");
  if (scheme === "always") return "missing";
  if (scheme === "first" || scheme === "never") return scheme;
  throw unsupported("pre_tokenizer", step);
}

/** @returns whether decoding drops one space at the start */
function readDecoder(decoder: unknown): boolean {
  const effects = parts(decoder, "decoders").map(decoderEffect);
  if (!effects.includes("spaces")) throw unsupported("decoder", decoder);
  return effects.includes("strip");
}

function decoderEffect(step: unknown): "spaces" | "strip" | "none" {
  if (isObject(step)) {
    const { type, content } = step as { type?: unknown; content?: unknown };
    if (type === "ByteFallback" || type === "Fuse") return "none";
    if (type === "Replace" && stringPattern(step) === MARK && content === " ") return "spaces";
    const stripsOne = step["start"] === 1 && !step["stop"];
    if (type === "Strip" && content === " " && stripsOne) return "strip";
  }
  throw unsupported("decoder", step);
}

function stringPattern(step: JsonObject): unknown {
  return isObject(step["pattern"]) ? step["pattern"]["String"] : undefined;
}

function unsupported(what: string, value: unknown): UnsupportedError {
  const shown = isObject(value) ? JSON.stringify(value["type"]) : "none";
  return new UnsupportedError(`tokenizer.json: ${what} ${shown?.slice(0, 80)} is not supported`);
}
