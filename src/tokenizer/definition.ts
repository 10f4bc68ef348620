import type { IdBuffer } from "./id-buffer.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Special tokens and habits of a model, apart from its vocabulary. */
export interface TokenizerRoles {
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** Further tokens that end a generation. */
  readonly stops: readonly number[];
  readonly chatTemplate: string | undefined;
}

/** Encodes text that holds no added tokens: pre-tokenization, merging, ids. */
export type TextEncoding = (text: string, out: IdBuffer) => void;

/** What both sources, tokenizer.json and GGUF arrays, come to. */
export interface TokenizerDefinition extends TokenizerRoles {
  /** By id; ordinary tokens in the byte alphabet, others literal. */
  readonly texts: readonly (string | undefined)[];
  /** By id, values of TOKEN_KIND. */
  readonly kinds: Uint8Array;
  /** Ids of added tokens that strip white space beside them. */
  readonly lstrip?: ReadonlySet<number>;
  readonly rstrip?: ReadonlySet<number>;
  readonly pre: string;
  readonly notes: readonly string[];
  readonly encoding: (vocabulary: Vocabulary) => TextEncoding;
}
