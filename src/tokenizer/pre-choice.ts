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

/** The pre-tokenizer to use: the caller's, the file's, or one inferred from the vocabulary; notes say
 *  what was inferred.
 *  @throws {UsageError} `requested` is unknown
 *  @throws {UnsupportedError} the file names one that is unknown */
export function choosePreTokenizer(
  metadata: Metadata,
  texts: readonly string[],
  requested: string | undefined,
): { readonly row: PreTokenizerSpec; readonly notes: readonly string[] } {
  if (requested !== undefined) return { row: requestedPreTokenizer(requested), notes: [] };
  const declared = stringOf(metadata, PRE_KEY);
  if (declared !== undefined) return { row: declaredPreTokenizer(declared), notes: [] };
  const known = INFERENCES.find(({ tokens }) => tokens.every((token) => texts.includes(token)));
  const row = declaredPreTokenizer(known?.pre ?? FALLBACK);
  const reason = known
    ? `'${row.name}' is used, because the vocabulary has ${known.tokens.join(" and ")}`
    : `'${row.name}' is used; token ids may differ from those of the original model`;
  return { row, notes: [`${PRE_KEY} is missing: ${reason}`] };
}
