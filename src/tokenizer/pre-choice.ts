import type { Metadata } from "../gguf/types.ts";
import { stringOf } from "./metadata-fields.ts";
import {
  declaredPreTokenizer,
  type PreTokenizerSpec,
  requestedPreTokenizer,
} from "./pre-tokenizers.ts";

const PRE_KEY = "tokenizer.ggml.pre";
const FALLBACK = "default";

/** Vocabularies told by their special tokens, for files that do not name a pre-tokenizer. The
 *  published BitNet b1.58 2B4T file is one: its tokens are Llama 3's, and so must be the split. */
const INFERENCES: readonly { readonly tokens: readonly string[]; readonly pre: string }[] = [
  { tokens: ["<|begin_of_text|>", "<|eot_id|>"], pre: "llama-bpe" },
];

/** Names that programs read in two ways. Falcon3's is the three-step split in bitnet.cpp and Llama 3's
 *  in llama.cpp (both have files with that name); the vocabulary shows which one it was made with: only
 *  Llama 3's lets a space and a bracket into one token. */
const VARIANTS: readonly {
  readonly name: string;
  readonly token: string;
  readonly like: string;
}[] = [{ name: "falcon3", token: "\u0120(", like: "llama-bpe" }];

export interface PreTokenizerChoice {
  readonly row: PreTokenizerSpec;
  readonly notes: readonly string[];
}

/** The pre-tokenizer to use: the caller's, the file's, or one inferred from the vocabulary; notes say
 *  what was inferred.
 *  @throws {UsageError} `requested` is unknown
 *  @throws {UnsupportedError} the file names one that is unknown */
export function choosePreTokenizer(
  metadata: Metadata,
  texts: readonly string[],
  requested: string | undefined,
): PreTokenizerChoice {
  if (requested !== undefined) return { row: requestedPreTokenizer(requested), notes: [] };
  const declared = stringOf(metadata, PRE_KEY);
  if (declared !== undefined) return resolveVariant(declaredPreTokenizer(declared), texts);
  const known = INFERENCES.find(({ tokens }) => tokens.every((token) => texts.includes(token)));
  const row = declaredPreTokenizer(known?.pre ?? FALLBACK);
  const reason = known
    ? `'${row.name}' is used, because the vocabulary has ${known.tokens.join(" and ")}`
    : `'${row.name}' is used; token ids may differ from those of the original model`;
  return { row, notes: [`${PRE_KEY} is missing: ${reason}`] };
}

function resolveVariant(row: PreTokenizerSpec, texts: readonly string[]): PreTokenizerChoice {
  const variant = VARIANTS.find(({ name, token }) => name === row.name && texts.includes(token));
  if (!variant) return { row, notes: [] };
  const { patterns, ignoreMerges } = declaredPreTokenizer(variant.like);
  const reason = `'${row.name}' is read as '${variant.like}', because the vocabulary has`;
  return {
    row: { ...row, patterns, ignoreMerges: ignoreMerges ?? false },
    notes: [`${PRE_KEY}: ${reason} tokens that only this split allows`],
  };
}
