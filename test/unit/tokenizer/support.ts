import type { Metadata, MetadataEntry } from "../../../src/gguf/types.ts";
import { type TokenizerFiles, tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import type { Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { readGoldenJson } from "../../support/golden.ts";

export interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean }[];
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  [key: string]: unknown;
}

/** The JSON files of a golden model directory. */
export function goldenFiles(model: string): TokenizerFiles & { readonly tokenizer: TokenizerJson } {
  return {
    tokenizer: readGoldenJson(`models/${model}/tokenizer.json`),
    tokenizerConfig: readGoldenJson(`models/${model}/tokenizer_config.json`),
    generationConfig: readGoldenJson(`models/${model}/generation_config.json`),
  };
}

export function goldenTokenizer(model: string): Tokenizer {
  return tokenizerFromJson(goldenFiles(model));
}

type Scalar = string | number | boolean;

/** Metadata as a GGUF reader gives it, from plain values. */
export function metadataOf(
  values: Readonly<Record<string, Scalar | readonly Scalar[] | Float32Array>>,
): Metadata {
  return new Map(Object.entries(values).map(([key, value]) => [key, entryOf(value)]));
}

function entryOf(value: Scalar | readonly Scalar[] | Float32Array): MetadataEntry {
  if (value instanceof Float32Array) {
    return { type: "array", itemType: "float32", value: Array.from(value) };
  }
  if (Array.isArray(value)) {
    const itemType = typeof value[0] === "string" ? "string" : "int32";
    return { type: "array", itemType, value };
  }
  if (typeof value === "string") return { type: "string", value };
  if (typeof value === "boolean") return { type: "bool", value };
  return { type: "uint32", value: value as number };
}

/** The `tokenizer.ggml.*` arrays of a tokenizer.json. */
export function arraysOf(json: TokenizerJson): Record<string, readonly Scalar[]> {
  const tokens: string[] = [];
  const types: number[] = [];
  for (const [text, id] of Object.entries(json.model.vocab)) {
    tokens[id] = text;
    types[id] = 1;
  }
  for (const { id, content, special } of json.added_tokens) {
    tokens[id] = content;
    types[id] = special ? 3 : 4;
  }
  const merges = json.model.merges.map((merge) =>
    typeof merge === "string" ? merge : merge.join(" "),
  );
  return {
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.token_type": types,
    "tokenizer.ggml.merges": merges,
  };
}

/** A whole set of keys for a golden model, with `changes` applied (undefined removes a key). */
export function goldenMetadata(
  model: string,
  changes: Readonly<Record<string, Scalar | readonly Scalar[] | undefined>> = {},
): Metadata {
  const values = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": model === "d" ? "qwen2" : "llama-bpe",
    ...arraysOf(goldenFiles(model).tokenizer),
    ...(model === "d" ? {} : { "tokenizer.ggml.bos_token_id": 496 }),
    "tokenizer.ggml.eos_token_id": model === "d" ? 498 : 497,
    ...changes,
  };
  const kept = Object.entries(values).filter(([, value]) => value !== undefined);
  return metadataOf(Object.fromEntries(kept) as Record<string, Scalar>);
}

/** Llama 3's vocabulary as a tokenizer.json, from the dev dependency. */
export async function llama3Json(): Promise<TokenizerJson> {
  const library = (await import("llama3-tokenizer-js")).default as unknown as {
    vocabById: string[];
    merges: Map<string, number>;
  };
  const base = goldenFiles("a-packed").tokenizer;
  const special = library.vocabById.slice(128_000);
  return {
    ...base,
    added_tokens: special.map((content, i) => ({ id: 128_000 + i, content, special: true })),
    model: {
      ...base.model,
      vocab: Object.fromEntries(library.vocabById.slice(0, 128_000).map((text, id) => [text, id])),
      // Its ranks are ascending, but not consecutive.
      merges: [...library.merges].sort((a, b) => a[1] - b[1]).map(([merge]) => merge),
    },
  };
}

/** Numbers in [0, 1) from a seed: failures can be repeated. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const BLOCKS = [
  [0x00, 0x20],
  [0x20, 0x7f],
  [0x80, 0x24f],
  [0x370, 0x52f],
  [0x590, 0x6ff],
  [0x900, 0xdff],
  [0x2000, 0x2bff],
  [0x3000, 0x30ff],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0xd800, 0xdfff], // lone surrogates
  [0xe000, 0xffff],
  [0x1f300, 0x1faff],
  [0x10000, 0x10ffff],
] as const;

const SNIPPETS = [
  "The quick brown fox jumps over the lazy dog. ",
  "It's we'll THEY'RE I'D can't 'tis ",
  "def f(x):\n    return x**2  # ok\r\n",
  "for (int i = 0; i < n; ++i) { sum += a[i]; }\n\n\n",
  "Größe und Übergänge: 1.234.567,89 € ",
  "Быстрая коричневая лиса ",
  "日本語のテキスト。中文分词测试！한국어 ",
  "العربية हिन्दी ไทย ",
  "👨‍👩‍👧‍👦🇩🇪😀 ",
  "<|eot_id|><|begin_of_text|><|im_start|>",
  "<|eot_",
  "e\u0301 ½² ٣٤٥ 12345678 \u3000\u00a0\u200b",
];
const REPEATED = ["a", "Z", "é", "字", "!", " ", "\n", "\t", "0", "😀", " \n", "ab"];

/** Text of all kinds: scripts, code, control characters, lone surrogates, special tokens, runs. */
export function fuzzText(next: () => number, length: number): string {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  let text = "";
  while (text.length < length) {
    const kind = next();
    if (kind < 0.5) {
      const snippet = pick(SNIPPETS);
      const from = Math.floor(next() * snippet.length);
      text += snippet.slice(from, from + 1 + Math.floor(next() * snippet.length));
    } else if (kind < 0.9) {
      const [low, high] = pick(BLOCKS);
      for (let i = Math.floor(next() * 12); i >= 0; i--) {
        text += String.fromCodePoint(low + Math.floor(next() * (high - low + 1)));
      }
    } else {
      text += pick(REPEATED).repeat(1 + Math.floor(next() * 120));
    }
  }
  return text;
}

/** `text` with lone surrogates replaced by U+FFFD: what it is in UTF-8. */
export function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
