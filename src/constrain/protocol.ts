/** A vocabulary's bytes, one token after another; token i is [offsets[i], offsets[i + 1]). Tokens that
 *  no text contains (special, unused) are empty. */
export interface TokenBytes {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

/** What the worker is asked for, one request at a time. */
export type WorkerRequest =
  | { readonly type: "open"; readonly tokens: TokenBytes }
  | { readonly type: "compile"; readonly key: string; readonly source: GrammarSource }
  | {
      readonly type: "mask";
      readonly key: string;
      /** Of the generation; one that is new to the worker starts with token 0. */
      readonly generation: number;
      /** How many tokens came before these. */
      readonly from: number;
      readonly tokens: readonly number[];
    }
  | { readonly type: "close"; readonly generation: number };

export interface GrammarSource {
  /** EBNF as the library has it; the rule `root` is the whole text. */
  readonly grammar: string;
  /** Somebody else's grammar, which may be wrong. */
  readonly foreign: boolean;
}

export type WorkerReply =
  | { readonly type: "done" }
  | {
      readonly type: "mask";
      readonly words: Uint32Array;
      /** Whether the text may end here. */
      readonly canEnd: boolean;
    }
  /** The worker does not know the grammar, or not all tokens before those it was told. */
  | { readonly type: "unknown" }
  /** What was asked for is wrong; the worker lives on. */
  | { readonly type: "refused"; readonly message: string }
  /** The library broke down and the worker with it. */
  | { readonly type: "failed"; readonly message: string };
