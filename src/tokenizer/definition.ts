import type { IdBuffer } from "./id-buffer.ts";
import type { Spelling } from "./spelling.ts";
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

/** Encodes text that holds no added tokens: pre-tokenization, merging, ids.
 *  continues  whether other text or tokens stand before it */
export type TextEncoding = (text: string, out: IdBuffer, continues: boolean) => void;

/** How the tokens are written, and how text becomes tokens. */
export interface TokenizerModel {
  readonly spelling: Spelling;
  /** Decoding drops one space at the beginning of a text: encoding put it there. */
  readonly dropsLeadingSpace: boolean;
  /** Stands for what the vocabulary cannot spell. */
  readonly unknown?: number | undefined;
  readonly pre: string;
  readonly encoding: (vocabulary: Vocabulary) => TextEncoding;
}

/** What both sources, tokenizer.json and GGUF arrays, come to. */
export interface TokenizerDefinition extends TokenizerRoles, TokenizerModel {
  /** By id; ordinary tokens as `spelling` has them, others literal. */
  readonly texts: readonly (string | undefined)[];
  /** By id, values of TOKEN_KIND. */
  readonly kinds: Uint8Array;
  /** Ids of added tokens that strip white space beside them. */
  readonly lstrip?: ReadonlySet<number>;
  readonly rstrip?: ReadonlySet<number>;
  readonly notes: readonly string[];
}
