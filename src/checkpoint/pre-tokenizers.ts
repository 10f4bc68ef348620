import type { JsonObject } from "./json.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

const LLAMA_BPE_HEAD = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
const LLAMA_BPE_TAIL = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

interface PreTokenizer {
  /** Value of `tokenizer.ggml.pre`. */
  readonly name: string;
  /** The split expression as tokenizer.json files write it; none: the byte-level default. */
  readonly regex: string | undefined;
  /** Whether whole words are looked up before merging; the name implies it. */
  readonly ignoreMerges: boolean;
}

/** Pre-tokenizers that `tokenizer.ggml.pre` has a name for. */
const PRE_TOKENIZERS: readonly PreTokenizer[] = [
  {
    name: "llama-bpe",
    regex: `${LLAMA_BPE_HEAD}\\p{N}{1,3}${LLAMA_BPE_TAIL}`,
    ignoreMerges: true,
  },
  { name: "qwen2", regex: `${LLAMA_BPE_HEAD}\\p{N}${LLAMA_BPE_TAIL}`, ignoreMerges: false },
  { name: "gpt-2", regex: undefined, ignoreMerges: false },
];

/** What `tokenizer.ggml.*` arrays and a pre-tokenizer name can say about a tokenizer. */
export type ArrayForm =
  | { readonly pre: string; readonly problem?: undefined }
  /** They cannot say everything; `problem` is the reason. */
  | { readonly pre?: undefined; readonly problem: string };

/** Finds the name of a byte-level BPE tokenizer's rules, or why there is none. */
export function arrayForm(tokenizer: TokenizerJson): ArrayForm {
  const split = readSplit(tokenizer.preTokenizer);
  if (!split) return { problem: "its pre-tokenizer has no name" };
  const named = PRE_TOKENIZERS.find(({ regex }) => regex === split.regex);
  if (!named) return { problem: "its pre-tokenizer has no name" };
  if (named.ignoreMerges !== tokenizer.ignoreMerges) {
    return { problem: `ignore_merges differs from ${named.name}` };
  }
  if (tokenizer.normalizer) return { problem: "it has a normalizer" };
  if (tokenizer.mergesHaveSpaces) return { problem: "its merges hold spaces" };
  if (tokenizer.byteFallback) return { problem: "it falls back to byte tokens" };
  if (tokenizer.added.some((token) => token.conditional)) {
    return { problem: "some special tokens match under conditions" };
  }
  return { pre: named.name };
}

/** The split of a byte-level pre-tokenizer: an optional Split by one expression, then ByteLevel. */
function readSplit(pre: JsonObject | undefined): { regex: string | undefined } | undefined {
  const steps = pre?.string("type") === "Sequence" ? subObjects(pre, "pretokenizers") : [pre];
  const bytes = steps.at(-1);
  if (bytes?.string("type") !== "ByteLevel" || bytes.boolean("add_prefix_space") !== false) {
    return undefined;
  }
  const hasOwnRegex = bytes.boolean("use_regex") ?? true;
  const [split, ...more] = steps.slice(0, -1);
  if (more.length > 0 || hasOwnRegex === (split !== undefined)) return undefined;
  if (!split) return { regex: undefined };
  const isPlain =
    split.string("type") === "Split" &&
    split.string("behavior") === "Isolated" &&
    split.boolean("invert") !== true;
  const regex = isPlain ? split.object("pattern")?.string("Regex") : undefined;
  return regex === undefined ? undefined : { regex };
}

/** The objects of an array property. */
export function subObjects(parent: JsonObject, key: string): readonly JsonObject[] {
  const items = parent.array(key) ?? [];
  return items.map((_, i) => parent.item(key, i));
}
