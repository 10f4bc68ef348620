/** Text to token ids and back. Built by `tokenizerFromMetadata` or `tokenizerFromJson`. */
export interface Tokenizer {
  /** Ids run from 0 to vocabSize - 1; a model's output may be wider (padding rows). */
  readonly vocabSize: number;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  /** Whether a prompt starts with BOS (ends with EOS) unless told otherwise. */
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** Tokens that end a generation: EOS, end-of-turn tokens, those of generation_config. */
  readonly stopTokens: ReadonlySet<number>;
  /** Texts of the special tokens, which control the model and never come from typed text. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** The model's own chat template (Jinja), as the file has it. */
  readonly chatTemplate: string | undefined;
  /** Name of the pre-tokenizer; "custom" for one that has no name in GGUF. */
  readonly pre: string;
  /** Whether one space at the beginning of decoded text is not part of it: encoding put it there. */
  readonly dropsLeadingSpace: boolean;
  /** What was guessed or corrected while reading the model: for the user to know. */
  readonly notes: readonly string[];

  /** Token ids of a text, without BOS or EOS.
   *  special  true: the text of a special token becomes that token; false: it stays ordinary text,
   *           as for everything that a user typed
   *  Lone surrogates count as U+FFFD. Time O(n log n) whatever the text.
   *  @throws {ResourceError} text longer than any context window by far (64 M characters) */
  encode(text: string, options: EncodeOptions): Int32Array;
  /** Text of token ids; invalid UTF-8 becomes U+FFFD. Special tokens give nothing unless asked. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Bytes of one token, perhaps part of a character. A view: not to be written to. Empty for a
   *  special or unused token unless asked, and for an id outside the vocabulary. */
  pieceBytes(id: number, options?: PieceOptions): Uint8Array;
  /** The id of the token with exactly this text. */
  tokenId(text: string): number | undefined;
  isSpecial(id: number): boolean;
  /** Cuts text at the texts of special tokens: strings are ordinary text, numbers are ids. */
  splitSpecial(text: string): (string | number)[];
}

export interface EncodeOptions {
  readonly special: boolean;
  /** The text goes on from special tokens that stand before it, so that it is not a beginning:
   *  some vocabularies put a space before the first word of a text, but not there. */
  readonly continues?: boolean;
}

export interface PieceOptions {
  /** Give the text of special tokens, too. */
  readonly special?: boolean;
}

export interface DecodeOptions extends PieceOptions {
  /** The ids go on from other text, so that the space they begin with is part of it. */
  readonly continues?: boolean;
}

/** Token ids of a whole prompt: as `encode`, with BOS and EOS as the model wants them. A BOS that the
 *  text itself starts with is not doubled. */
export function encodePrompt(
  tokenizer: Tokenizer,
  text: string,
  options: EncodeOptions,
): Int32Array {
  const ids = tokenizer.encode(text, options);
  const { bos, eos } = tokenizer;
  const before = tokenizer.addBos && bos !== undefined && ids[0] !== bos ? 1 : 0;
  const after = tokenizer.addEos && eos !== undefined && ids.at(-1) !== eos ? 1 : 0;
  const all = new Int32Array(before + ids.length + after);
  if (before === 1) all[0] = bos as number;
  all.set(ids, before);
  if (after === 1) all[all.length - 1] = eos as number;
  return all;
}
