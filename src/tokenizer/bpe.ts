import type { IdBuffer } from "./id-buffer.ts";
import { LongMerger } from "./long-merger.ts";
import { type MergeRules, NO_MERGE } from "./merge-rules.ts";
import { MAX_SYMBOLS_PER_BYTE, type Symbols } from "./symbols.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Above this many bytes a heap finds the next merge; below, a scan of all pairs is quicker although
 *  quadratic. Natural text stays below: its pieces are words. */
const SCAN_LIMIT = 48;

/** Whether merging a token's bytes gives back that token: not known yet, yes, no. */
const UNKNOWN = 0;
const WHOLE = 1;
const SPLIT = 2;

/** Byte-pair encoding of pieces: starting from single bytes or characters, the adjacent pair whose
 *  merge has the lowest rank is merged, the leftmost of equals first, until no pair merges. */
export class BytePairEncoder {
  readonly #vocabulary: Vocabulary;
  readonly #merges: MergeRules;
  readonly #start: Symbols;
  /** By id, one of UNKNOWN, WHOLE, SPLIT; found out on first use. */
  readonly #wholeness: Uint8Array;
  readonly #long: LongMerger;
  readonly #symbols = new Int32Array(SCAN_LIMIT * MAX_SYMBOLS_PER_BYTE);
  /** ranks[i] is that of (symbols[i], symbols[i + 1]). */
  readonly #ranks = new Int32Array(SCAN_LIMIT * MAX_SYMBOLS_PER_BYTE);

  /** @param ignoreMerges  take a piece that is a token as it is, whatever merging would make of it */
  constructor(vocabulary: Vocabulary, merges: MergeRules, start: Symbols, ignoreMerges: boolean) {
    this.#vocabulary = vocabulary;
    this.#merges = merges;
    this.#start = start;
    this.#wholeness = new Uint8Array(vocabulary.size).fill(ignoreMerges ? WHOLE : UNKNOWN);
    this.#long = new LongMerger(this.#merges);
  }

  /** Appends the tokens of the piece bytes[start, end). */
  encode(bytes: Uint8Array, start: number, end: number, out: IdBuffer): void {
    const whole = this.#vocabulary.find(bytes, start, end);
    if (whole >= 0 && this.#isWhole(whole, bytes, start, end)) {
      out.push(whole);
    } else if (end - start > SCAN_LIMIT) {
      const symbols = new Int32Array((end - start) * MAX_SYMBOLS_PER_BYTE);
      const count = this.#start.write(bytes, start, end, symbols);
      this.#long.encode(symbols.subarray(0, count), out);
    } else {
      const count = this.#mergeShort(bytes, start, end);
      for (let i = 0; i < count; i++) out.push(this.#symbols[i] as number);
    }
  }

  #isWhole(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#wholeness[id] === UNKNOWN) {
      // Long tokens are rare (runs of spaces and the like) and go the long way each time.
      const whole = end - start <= SCAN_LIMIT && this.#mergeShort(bytes, start, end) === 1;
      this.#wholeness[id] = whole ? WHOLE : SPLIT;
    }
    return this.#wholeness[id] === WHOLE;
  }

  /** @returns how many of #symbols the piece came to */
  #mergeShort(bytes: Uint8Array, start: number, end: number): number {
    const symbols = this.#symbols;
    const ranks = this.#ranks;
    let count = this.#start.write(bytes, start, end, symbols);
    for (let i = 0; i + 1 < count; i++) ranks[i] = this.#rankAt(i);
    for (;;) {
      let best = 0;
      for (let i = 1; i + 1 < count; i++) {
        if ((ranks[i] as number) < (ranks[best] as number)) best = i;
      }
      const rank = ranks[best] as number;
      if (count < 2 || rank === NO_MERGE) return count;
      const left = symbols[best] as number;
      symbols[best] = this.#merges.result(rank, left, symbols[best + 1] as number);
      symbols.copyWithin(best + 1, best + 2, count);
      ranks.copyWithin(best + 1, best + 2, count);
      count--;
      if (best > 0) ranks[best - 1] = this.#rankAt(best - 1);
      if (best + 1 < count) ranks[best] = this.#rankAt(best);
    }
  }

  #rankAt(i: number): number {
    return this.#merges.rank(this.#symbols[i] as number, this.#symbols[i + 1] as number);
  }
}
