import type { Vocabulary } from "./vocabulary.ts";

/** The tokens that merging starts from. */
export interface Symbols {
  /** Writes the tokens of bytes[start, end) to `out`, at most MAX_SYMBOLS_PER_BYTE each.
   *  @returns how many */
  write(bytes: Uint8Array, start: number, end: number, out: Int32Array): number;
}

/** A space that has no token falls back to the three bytes of U+2581. */
export const MAX_SYMBOLS_PER_BYTE = 3;

/** One token for each byte; a byte without a token gives nothing. */
export class ByteSymbols implements Symbols {
  /** -1 where the vocabulary has none. */
  readonly #tokens: Int32Array;

  constructor(vocabulary: Vocabulary) {
    this.#tokens = Int32Array.from({ length: 256 }, (_, byte) =>
      vocabulary.find(Uint8Array.of(byte), 0, 1),
    );
  }

  write(bytes: Uint8Array, start: number, end: number, out: Int32Array): number {
    let count = 0;
    for (let i = start; i < end; i++) {
      const id = this.#tokens[bytes[i] as number] as number;
      if (id >= 0) out[count++] = id;
    }
    return count;
  }
}

const SPACE = 0x20;
const SPACE_MARK_BYTES = [0xe2, 0x96, 0x81];

export interface Fallback {
  /** Tokens by the byte that they stand for; -1 where there is none. */
  readonly byteTokens: Int32Array;
  /** Stands for characters that lack byte tokens; without it they give nothing. */
  readonly unknown: number | undefined;
  /** Adjacent unknown characters give one token. */
  readonly fuseUnknown: boolean;
}

/** One token for each character; byte tokens for a character that has none. */
export class CharacterSymbols implements Symbols {
  readonly #vocabulary: Vocabulary;
  readonly #ascii: Int32Array;
  readonly #fallback: Fallback;

  constructor(vocabulary: Vocabulary, fallback: Fallback) {
    this.#vocabulary = vocabulary;
    this.#fallback = fallback;
    this.#ascii = Int32Array.from({ length: 128 }, (_, byte) =>
      vocabulary.find(Uint8Array.of(byte), 0, 1),
    );
  }

  write(bytes: Uint8Array, start: number, end: number, out: Int32Array): number {
    let count = 0;
    for (let i = start; i < end; ) {
      const lead = bytes[i] as number;
      const length = characterLength(lead);
      const id =
        lead < 0x80 ? (this.#ascii[lead] as number) : this.#vocabulary.find(bytes, i, i + length);
      if (id >= 0) out[count++] = id;
      else
        count = this.#fallBack(
          lead === SPACE ? SPACE_MARK_BYTES : bytes.subarray(i, i + length),
          out,
          count,
        );
      i += length;
    }
    return count;
  }

  #fallBack(bytes: ArrayLike<number>, out: Int32Array, count: number): number {
    const { byteTokens, unknown, fuseUnknown } = this.#fallback;
    const tokens = Array.from(bytes, (byte) => byteTokens[byte] as number);
    if (tokens.every((id) => id >= 0)) {
      out.set(tokens, count);
      return count + tokens.length;
    }
    const fused = fuseUnknown && count > 0 && out[count - 1] === unknown;
    if (unknown === undefined || fused) return count;
    out[count] = unknown;
    return count + 1;
  }
}

/** Bytes of the UTF-8 character that starts with `lead`. */
export function characterLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
