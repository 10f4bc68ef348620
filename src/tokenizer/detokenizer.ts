import type { DecodeOptions, Tokenizer } from "./tokenizer.ts";

const SPACE = 0x20;

/** Turns a stream of token ids into text without ever giving half a character: bytes of an unfinished
 *  one wait for the next token. Whatever the ids, all outputs together equal `decode` of all ids;
 *  invalid bytes become U+FFFD as soon as they are known to be invalid. */
export class Detokenizer {
  readonly #tokenizer: Pick<Tokenizer, "pieceBytes" | "dropsLeadingSpace">;
  readonly #options: DecodeOptions;
  // A byte order mark is text like any other here, hence ignoreBOM (which means: keep it).
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** No byte has come yet, and a space would be dropped. */
  #atStart: boolean;

  /** options.special: give the text of special tokens, too (hidden by default);
   *  options.continues: the stream goes on from text, as a completion does: its first space stays. */
  constructor(
    tokenizer: Pick<Tokenizer, "pieceBytes" | "dropsLeadingSpace">,
    options: DecodeOptions = {},
  ) {
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#atStart = tokenizer.dropsLeadingSpace && !options.continues;
  }

  /** The text that this token completes; often empty in scripts of many bytes per character. */
  push(id: number): string {
    let bytes = this.#tokenizer.pieceBytes(id, this.#options);
    if (this.#atStart && bytes.length > 0) {
      this.#atStart = false;
      if (bytes[0] === SPACE) bytes = bytes.subarray(1);
    }
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left at the end: U+FFFD for an unfinished character. The next push begins a new text. */
  flush(): string {
    this.#atStart = this.#tokenizer.dropsLeadingSpace;
    return this.#decoder.decode();
  }
}
