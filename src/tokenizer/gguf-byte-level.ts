import { UnsupportedError } from "../errors.ts";
import type { Metadata } from "../gguf/types.ts";
import { byteLevelEncoding, NORMALIZATIONS, type Normalization } from "./byte-level.ts";
import type { TokenizerDefinition } from "./definition.ts";
import { ggufVocabulary } from "./gguf-vocabulary.ts";
import { stringOf, stringsOf } from "./metadata-fields.ts";
import { choosePreTokenizer } from "./pre-choice.ts";
import { BYTE_LEVEL } from "./spelling.ts";

/** Ours, beside `tokenizer.huggingface.json`: the normalizer of the original tokenizer.json, by its
 *  name there. Others ignore it, and give other ids for the rare text that is not normalized. */
export const NORMALIZER_KEY = "tokenizer.huggingface.normalizer";

/** Model "gpt2": byte-level BPE.
 *  @param pre  pre-tokenizer to use instead of the file's, by its name */
export function byteLevelDefinition(
  metadata: Metadata,
  pre: string | undefined,
): TokenizerDefinition {
  const { texts, kinds } = ggufVocabulary(metadata);
  const { row, notes } = choosePreTokenizer(metadata, texts, pre);
  const normalization = readNormalization(metadata);
  const spec = {
    patterns: row.patterns,
    merges: stringsOf(metadata, "tokenizer.ggml.merges") ?? [],
    ignoreMerges: row.ignoreMerges ?? false,
    ...(normalization && { normalization }),
  };
  return {
    texts,
    kinds,
    bos: undefined,
    eos: undefined,
    addBos: row.addBos ?? false,
    addEos: false,
    stops: [],
    chatTemplate: undefined,
    spelling: BYTE_LEVEL,
    dropsLeadingSpace: false,
    pre: row.name,
    notes,
    encoding: (vocabulary) => byteLevelEncoding(vocabulary, spec),
  };
}

function readNormalization(metadata: Metadata): Normalization | undefined {
  const name = stringOf(metadata, NORMALIZER_KEY);
  if (name === undefined) return undefined;
  const known = NORMALIZATIONS.find((one) => one === name);
  if (known) return known;
  throw new UnsupportedError(`${NORMALIZER_KEY}: ${JSON.stringify(name.slice(0, 80))}`);
}
