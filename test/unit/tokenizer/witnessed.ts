import { JsonObject } from "../../../src/checkpoint/json.ts";
import { readTokenizerJson } from "../../../src/checkpoint/tokenizer-json.ts";
import { tokenizerMetadata } from "../../../src/checkpoint/tokenizer-metadata.ts";
import { readGoldenJson } from "../../support/golden.ts";
import type { TokenizerJson } from "./support.ts";

/** A vocabulary of test/golden/tokenizer that other programs made ids with (make/make.py). */
export interface WitnessedVocabulary {
  readonly made: string;
  /** Rows of the model; the tokens that `cases` do not need are left out of `tokenizer`. */
  readonly vocab_size: number;
  readonly tokenizer: TokenizerJson;
  /** By id, where the model has scores of its own. */
  readonly scores?: Readonly<Record<string, number>>;
  /** Further spellings of the same pre-tokenizer. */
  readonly pre_tokenizers?: readonly unknown[];
  readonly cases: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly ids_plain: readonly number[];
    /** Of `ids` with special tokens shown, and of `ids_plain`; absent: both are the text. */
    readonly decoded?: readonly [string, string];
  }[];
}

export function witnessed(name: string): WitnessedVocabulary {
  return readGoldenJson(`tokenizer/${name}.json`);
}

/** The metadata that a conversion of this tokenizer.json would have. */
export function convertedMetadata(tokenizer: unknown, vocabSize: number, settings = {}) {
  const { entries, notes } = tokenizerMetadata({
    tokenizer: readTokenizerJson(JSON.stringify(tokenizer), "folder"),
    settings: new JsonObject("tokenizer_config.json", settings),
    templateFile: undefined,
    config: { bosTokenId: undefined, eosTokenIds: [], padTokenId: undefined, dims: { vocabSize } },
  });
  return { metadata: new Map(entries), notes };
}
