import { ModelFormatError, UnsupportedError } from "../errors.ts";
import type { Metadata } from "../gguf/types.ts";
import type { TokenizerDefinition, TokenizerRoles } from "./definition.ts";
import { definitionFromJson } from "./from-json.ts";
import { byteLevelDefinition } from "./gguf-byte-level.ts";
import { sentencePieceDefinition } from "./gguf-sentencepiece.ts";
import { flagOf, stringOf, tokenIdOf } from "./metadata-fields.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { buildTokenizer } from "./vocabulary-tokenizer.ts";

export interface TokenizerOptions {
  /** Pre-tokenizer to use instead of the model's, by its GGUF name: "default" gives the ids that
   *  bitnet.cpp gives for files which name none. */
  readonly pre?: string | undefined;
  /** Further tokens that end a generation, e.g. those of generation_config.json. */
  readonly stopTokens?: readonly number[];
}

/** Readers by `tokenizer.ggml.model`; a new kind of vocabulary is one row. */
const MODELS: Readonly<
  Record<string, (metadata: Metadata, pre: string | undefined) => TokenizerDefinition>
> = {
  gpt2: byteLevelDefinition,
  llama: sentencePieceDefinition,
};

/** Keys of special tokens that end a generation, besides EOS. */
const STOP_KEYS = ["tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

/** Builds a tokenizer from GGUF metadata: from the embedded tokenizer.json if there is one, else from
 *  the `tokenizer.ggml.*` arrays. Keeps no reference to the metadata.
 *  @throws {ModelFormatError} missing or malformed fields, equal tokens, ids out of range
 *  @throws {UnsupportedError} another kind of vocabulary, an unknown pre-tokenizer
 *  @throws {UsageError} options.pre names no pre-tokenizer */
export function tokenizerFromMetadata(
  metadata: Metadata,
  options: TokenizerOptions = {},
): Tokenizer {
  const json = stringOf(metadata, "tokenizer.huggingface.json");
  const definition =
    json !== undefined && options.pre === undefined
      ? embeddedDefinition(json)
      : arraysDefinition(metadata, options);
  const roles = readRoles(metadata, definition);
  const stops = [...roles.stops, ...definition.stops, ...(options.stopTokens ?? [])];
  return buildTokenizer({ ...definition, ...roles, stops });
}

function embeddedDefinition(json: string): TokenizerDefinition {
  let tokenizer: unknown;
  try {
    tokenizer = JSON.parse(json);
  } catch (cause) {
    throw new ModelFormatError("tokenizer.huggingface.json: not JSON", { cause });
  }
  return definitionFromJson({ tokenizer });
}

function arraysDefinition(metadata: Metadata, options: TokenizerOptions): TokenizerDefinition {
  const model = stringOf(metadata, "tokenizer.ggml.model");
  if (model === undefined) {
    throw new ModelFormatError("no vocabulary: tokenizer.ggml.model is missing");
  }
  const read = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  if (read) return read(metadata, options.pre);
  const shown = JSON.stringify(model.slice(0, 80));
  throw new UnsupportedError(`tokenizer.ggml.model ${shown} is not supported`, {
    hint: `supported: ${Object.keys(MODELS).join(", ")}`,
  });
}

/** What the keys say, and `fallback` where they are silent. */
function readRoles(metadata: Metadata, fallback: TokenizerRoles): TokenizerRoles {
  const stops = STOP_KEYS.map((key) => tokenIdOf(metadata, key));
  return {
    bos: tokenIdOf(metadata, "tokenizer.ggml.bos_token_id") ?? fallback.bos,
    eos: tokenIdOf(metadata, "tokenizer.ggml.eos_token_id") ?? fallback.eos,
    addBos: flagOf(metadata, "tokenizer.ggml.add_bos_token") ?? fallback.addBos,
    addEos: flagOf(metadata, "tokenizer.ggml.add_eos_token") ?? fallback.addEos,
    stops: stops.filter((id) => id !== undefined),
    chatTemplate: stringOf(metadata, "tokenizer.chat_template") ?? fallback.chatTemplate,
  };
}
