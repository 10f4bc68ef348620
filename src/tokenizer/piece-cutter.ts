import { characterLength } from "./symbols.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Bits of the filter; Gemma's 262 k tokens set one in thirty. */
const FILTER_BITS = 1 << 20;

const SPACE = 0x20;

export interface CutPlaces {
  /** Wherever it makes no difference. */
  readonly wherePossible: boolean;
  /** Before every space, whatever the tokens. */
  readonly atWords: boolean;
}

/** Cuts text into pieces that can be merged apart: between two characters that stand next to each
 *  other in no token, nothing ever merges. In most languages the pieces are about words. */
export class PieceCutter {
  /** A bit for the hash of each pair of neighbours; a collision costs a cut, never a wrong one. */
  readonly #filter = new Uint32Array(FILTER_BITS / 32);
  readonly #atWords: boolean;

  constructor(vocabulary: Vocabulary, where: CutPlaces) {
    this.#atWords = where.atWords;
    if (!where.wherePossible) this.#filter.fill(0xffffffff);
    for (let id = 0; id < vocabulary.size; id++) {
      if (vocabulary.isMergeable(id)) this.#add(vocabulary.bytes(id));
    }
  }

  /** The end of the piece of bytes[0, length), UTF-8, that starts at `start`. */
  next(bytes: Uint8Array, start: number, length: number): number {
    let at = start + characterLength(bytes[start] as number);
    let left = character(bytes, start, at);
    while (at < length) {
      const end = at + characterLength(bytes[at] as number);
      const right = character(bytes, at, end);
      const bit = pairBit(left, right);
      if (((this.#filter[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return at;
      if (this.#atWords && right === SPACE) return at;
      left = right;
      at = end;
    }
    return length;
  }

  #add(bytes: Uint8Array): void {
    let left = -1;
    for (let at = 0; at < bytes.length; ) {
      const end = at + characterLength(bytes[at] as number);
      const right = character(bytes, at, end);
      if (left >= 0) {
        const bit = pairBit(left, right);
        this.#filter[bit >>> 5] = (this.#filter[bit >>> 5] as number) | (1 << (bit & 31));
      }
      left = right;
      at = end;
    }
  }
}

/** The bytes of a character as one number: as good as its code point here, and quicker. */
function character(bytes: Uint8Array, start: number, end: number): number {
  let code = bytes[start] as number;
  for (let i = start + 1; i < end; i++) code = (code << 8) | ((bytes[i] as number) & 0xff);
  return code >>> 0;
}

function pairBit(left: number, right: number): number {
  const h = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  return ((h ^ (h >>> 15)) >>> 0) % FILTER_BITS;
}
