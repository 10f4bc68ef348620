import { ModelFormatError } from "../errors.ts";
import { quote } from "../gguf/quote.ts";
import type { MetadataEntry } from "../gguf/types.ts";
import type { HfConfig } from "./hf-config.ts";
import type { JsonObject } from "./json.ts";
import { arrayForm, subObjects } from "./pre-tokenizers.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

/** `tokenizer.ggml.token_type`. */
const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5 } as const;

/** Texts that GGUF readers take for end-of-turn tokens without being told. */
const KNOWN_STOP_TEXTS: readonly string[] = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<EOT>",
];

export interface TokenizerFiles {
  readonly tokenizer: TokenizerJson;
  /** tokenizer_config.json. */
  readonly settings: JsonObject | undefined;
  /** Text of chat_template.jinja. */
  readonly templateFile: string | undefined;
  readonly config: HfConfig;
}

type Pair = readonly [key: string, entry: MetadataEntry];

export interface TokenizerMetadata {
  readonly entries: readonly Pair[];
  /** What was out of the ordinary, in words. */
  readonly notes: readonly string[];
}

/** The `tokenizer.*` metadata of a checkpoint, in the order of published files. The raw
 *  tokenizer.json (9 MB for a 128 k vocabulary) is stored only where the arrays cannot express it.
 *  @throws {ModelFormatError} ids beyond the vocabulary, or given twice */
export function tokenizerMetadata(files: TokenizerFiles): TokenizerMetadata {
  const { tokenizer, settings, config } = files;
  const form = arrayForm(tokenizer);
  const pieces = layOut(tokenizer, config.dims.vocabSize);
  const idOf = (token: string | undefined): number | undefined =>
    token === undefined ? undefined : (pieces.addedIds.get(token) ?? tokenizer.vocab.get(token));
  const eos = idOf(tokenText(settings, "eos_token")) ?? config.eosTokenIds[0];
  const framing = readFraming(tokenizer.postProcessor);
  const template = files.templateFile ?? chatTemplate(settings);
  const entries: (Pair | undefined)[] = [
    string("tokenizer.ggml.model", tokenizer.byteFallback ? "llama" : "gpt2"),
    string("tokenizer.ggml.pre", form.pre ?? "default"),
    array("tokenizer.ggml.tokens", "string", pieces.tokens),
    array("tokenizer.ggml.scores", "float32", new Array(pieces.tokens.length).fill(0)),
    array("tokenizer.ggml.token_type", "int32", pieces.types),
    array("tokenizer.ggml.merges", "string", tokenizer.merges),
    id("bos", idOf(tokenText(settings, "bos_token")) ?? config.bosTokenId),
    id("eos", eos),
    ...extraStops(config.eosTokenIds, eos, pieces.tokens),
    id("unknown", idOf(tokenizer.unkToken)),
    id("padding", idOf(tokenText(settings, "pad_token")) ?? config.padTokenId),
    bool("tokenizer.ggml.add_bos_token", settings?.boolean("add_bos_token") ?? framing.bos),
    framing.eos ? bool("tokenizer.ggml.add_eos_token", true) : undefined,
    template === undefined ? undefined : string("tokenizer.chat_template", template),
    form.problem === undefined ? undefined : string("tokenizer.huggingface.json", tokenizer.text),
  ];
  const notes =
    form.problem === undefined ? [] : [`tokenizer.json is stored whole: ${form.problem}`];
  return { entries: entries.filter((entry) => entry !== undefined), notes };
}

interface Pieces {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly addedIds: ReadonlyMap<string, number>;
}

/** Vocabulary and added tokens by id; ids that nothing claims become unused `[PAD<id>]` tokens. */
function layOut(tokenizer: TokenizerJson, vocabSize: number): Pieces {
  const addedIds = new Map(tokenizer.added.map(({ content, id: at }) => [content, at]));
  const tokens: (string | undefined)[] = new Array(vocabSize).fill(undefined);
  const types: number[] = new Array(vocabSize).fill(TOKEN_TYPES.unused);
  const place = (token: string, at: number, type: number): void => {
    if (at >= vocabSize) {
      throw new ModelFormatError(
        `tokenizer.json: token ${quote(token)} has id ${at}, vocab_size is ${vocabSize}`,
      );
    }
    if (tokens[at] !== undefined && tokens[at] !== token) {
      throw new ModelFormatError(
        `tokenizer.json: id ${at} is both ${quote(tokens[at] ?? "")} and ${quote(token)}`,
      );
    }
    tokens[at] = token;
    types[at] = type;
  };
  for (const [token, at] of tokenizer.vocab) {
    place(token, at, token === tokenizer.unkToken ? TOKEN_TYPES.unknown : TOKEN_TYPES.normal);
  }
  for (const { content, id: at, special } of tokenizer.added) {
    place(content, at, special ? TOKEN_TYPES.control : TOKEN_TYPES.userDefined);
  }
  return { tokens: tokens.map((token, at) => token ?? `[PAD${at}]`), types, addedIds };
}

/** Text of a special token of tokenizer_config.json: a string, or an object with `content`. */
function tokenText(settings: JsonObject | undefined, key: string): string | undefined {
  const value = settings?.get(key);
  if (typeof value !== "object" || value === null) return settings?.string(key);
  return settings?.object(key)?.string("content");
}

/** Stop tokens besides eos, unless their text already says that they are. */
function extraStops(
  stops: readonly number[],
  eos: number | undefined,
  tokens: readonly string[],
): readonly (Pair | undefined)[] {
  const extra = stops.filter((at) => at !== eos && !KNOWN_STOP_TEXTS.includes(tokens[at] ?? ""));
  return [id("eot", extra[0]), id("eom", extra[1])];
}

/** Whether the post-processor puts a special token before and after the text. */
function readFraming(post: JsonObject | undefined): { bos: boolean; eos: boolean } {
  const steps = post?.string("type") === "Sequence" ? subObjects(post, "processors") : [post];
  const template = steps.find((step) => step?.string("type") === "TemplateProcessing");
  const single = template ? subObjects(template, "single") : [];
  const isSpecial = (part: JsonObject | undefined): boolean =>
    part?.get("SpecialToken") !== undefined;
  return { bos: isSpecial(single[0]), eos: isSpecial(single.at(-1)) };
}

/** One template, or several with names of which `default` is for chat. */
function chatTemplate(settings: JsonObject | undefined): string | undefined {
  if (!Array.isArray(settings?.get("chat_template"))) return settings?.string("chat_template");
  const named = subObjects(settings, "chat_template");
  const chosen = named.find((one) => one.string("name") === "default") ?? named[0];
  return chosen?.string("template");
}

function string(key: string, value: string): Pair {
  return [key, { type: "string", value }];
}

function bool(key: string, value: boolean): Pair {
  return [key, { type: "bool", value }];
}

function array(
  key: string,
  itemType: "string" | "float32" | "int32",
  value: readonly (string | number)[],
): Pair {
  return [key, { type: "array", itemType, value }];
}

function id(which: string, value: number | undefined): Pair | undefined {
  if (value === undefined) return undefined;
  return [`tokenizer.ggml.${which}_token_id`, { type: "uint32", value }];
}
