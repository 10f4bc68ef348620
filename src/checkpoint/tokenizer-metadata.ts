import type { MetadataEntry } from "../gguf/types.ts";
import { arrayForm } from "../tokenizer/array-form.ts";
import { NORMALIZER_KEY } from "../tokenizer/gguf-byte-level.ts";
import type { HfConfig } from "./hf-config.ts";
import type { JsonObject } from "./json.ts";
import { layOutTokens } from "./token-layout.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

/** Texts that GGUF readers take for end-of-turn tokens without being told. */
const KNOWN_STOP_TEXTS: readonly string[] = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<EOT>",
];

/** Tokens that tokenizer_config.json names. */
const ROLES = ["bos", "eos", "pad"];

export interface TokenizerFiles {
  readonly tokenizer: TokenizerJson;
  /** tokenizer_config.json. */
  readonly settings: JsonObject | undefined;
  /** Text of chat_template.jinja. */
  readonly templateFile: string | undefined;
  readonly config: Pick<HfConfig, "bosTokenId" | "eosTokenIds" | "padTokenId"> & {
    readonly dims: Pick<HfConfig["dims"], "vocabSize">;
  };
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
  const needed = ROLES.map((role) => tokenText(settings, `${role}_token`));
  const pieces = layOutTokens(tokenizer, config.dims.vocabSize, [...needed, tokenizer.unkToken]);
  const form = arrayForm(tokenizer.rules, pieces.tokens, pieces.kinds);
  const isPieces = form.model === "llama";
  const isAmbiguous = !isPieces && tokenizer.mergesHaveSpaces;
  const problem = form.problem ?? (isAmbiguous ? "its merges hold spaces" : undefined);
  const idOf = (token: string | undefined): number | undefined =>
    token === undefined ? undefined : (pieces.addedIds.get(token) ?? tokenizer.vocab.get(token));
  const framing = readFraming(tokenizer.postProcessor);
  const namedEos = idOf(tokenText(settings, "eos_token"));
  // What is put after a text is what the arrays call EOS, whatever ends a generation besides.
  const eos = idOf(framing.last) ?? namedEos ?? config.eosTokenIds[0];
  const stops = namedEos === undefined ? config.eosTokenIds : [namedEos, ...config.eosTokenIds];
  const addsEos = settings?.boolean("add_eos_token") ?? "last" in framing;
  const template = files.templateFile ?? chatTemplate(settings);
  const entries: (Pair | undefined)[] = [
    string("tokenizer.ggml.model", form.model),
    string("tokenizer.ggml.pre", problem === undefined ? form.pre : "default"),
    array("tokenizer.ggml.tokens", "string", pieces.tokens),
    array("tokenizer.ggml.scores", "float32", form.scores),
    array("tokenizer.ggml.token_type", "int32", Array.from(pieces.kinds)),
    // Those of the other kind are in the scores.
    isPieces ? undefined : array("tokenizer.ggml.merges", "string", tokenizer.merges),
    id("bos", idOf(tokenText(settings, "bos_token")) ?? config.bosTokenId),
    id("eos", eos),
    ...extraStops(stops, eos, pieces.tokens),
    id("unknown", idOf(tokenizer.unkToken)),
    id("padding", idOf(tokenText(settings, "pad_token")) ?? config.padTokenId),
    bool("tokenizer.ggml.add_bos_token", settings?.boolean("add_bos_token") ?? "first" in framing),
    bool("tokenizer.ggml.add_eos_token", addsEos || undefined),
    bool("tokenizer.ggml.add_space_prefix", form.addSpacePrefix),
    string(NORMALIZER_KEY, form.normalizer),
    string("tokenizer.chat_template", template),
    string("tokenizer.huggingface.json", problem === undefined ? undefined : tokenizer.text),
  ];
  const notes = problem === undefined ? [] : [`tokenizer.json is stored whole: ${problem}`];
  return {
    entries: entries.filter((entry) => entry !== undefined),
    notes: [...pieces.notes, ...notes],
  };
}

/** The objects of an array property. */
function subObjects(parent: JsonObject, key: string): readonly JsonObject[] {
  const items = parent.array(key) ?? [];
  return items.map((_, i) => parent.item(key, i));
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
  const others = [...new Set(stops)].filter((at) => at !== eos);
  const extra = others.filter((at) => !KNOWN_STOP_TEXTS.includes(tokens[at] ?? ""));
  return [id("eot", extra[0]), id("eom", extra[1])];
}

/** The special tokens that the post-processor puts before and after the text. */
function readFraming(post: JsonObject | undefined): { first?: string; last?: string } {
  const steps = post?.string("type") === "Sequence" ? subObjects(post, "processors") : [post];
  const template = steps.find((step) => step?.string("type") === "TemplateProcessing");
  const single = template ? subObjects(template, "single") : [];
  const [first, last] = [single[0], single.at(-1)].map((part) =>
    part?.object("SpecialToken")?.string("id"),
  );
  return { ...(first !== undefined && { first }), ...(last !== undefined && { last }) };
}

/** One template, or several with names of which `default` is for chat. */
function chatTemplate(settings: JsonObject | undefined): string | undefined {
  if (!Array.isArray(settings?.get("chat_template"))) return settings?.string("chat_template");
  const named = subObjects(settings, "chat_template");
  const chosen = named.find((one) => one.string("name") === "default") ?? named[0];
  return chosen?.string("template");
}

function string(key: string, value: string | undefined): Pair | undefined {
  return value === undefined ? undefined : [key, { type: "string", value }];
}

function bool(key: string, value: boolean | undefined): Pair | undefined {
  return value === undefined ? undefined : [key, { type: "bool", value }];
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
