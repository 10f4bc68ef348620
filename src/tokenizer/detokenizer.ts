import type { PieceOptions, Tokenizer } from "./tokenizer.ts";

/** Turns a stream of token ids into text without ever giving half a character: bytes of an unfinished
 *  one wait for the next token. Whatever the ids, all outputs together equal `decode` of all ids;
 *  invalid bytes become U+FFFD as soon as they are known to be invalid. */
export class Detokenizer {
  readonly #tokenizer: Pick<Tokenizer, "pieceBytes">;
  readonly #options: PieceOptions;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** options.special: give the text of special tokens, too (hidden by default). */
  constructor(tokenizer: Pick<Tokenizer, "pieceBytes">, options: PieceOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** The text that this token completes; often empty in scripts of many bytes per character. */
  push(id: number): string {
    return this.#decoder.decode(this.#tokenizer.pieceBytes(id, this.#options), { stream: true });
  }

  /** What is left at the end: U+FFFD for an unfinished character. The next push starts afresh. */
  flush(): string {
    return this.#decoder.decode();
  }
}
