import type { IdBuffer } from "./id-buffer.ts";
import { LongMerger } from "./long-merger.ts";
import { type Merge, MergeTable, NO_MERGE } from "./merge-table.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Above this many bytes a heap finds the next merge; below, a scan of all pairs is quicker although
 *  quadratic. Natural text stays below: its pieces are words. */
const SCAN_LIMIT = 48;

/** Whether merging a token's bytes gives back that token: not known yet, yes, no. */
const UNKNOWN = 0;
const WHOLE = 1;
const SPLIT = 2;

/** Byte-pair encoding of pieces: starting from single bytes, the adjacent pair whose merge has the
 *  lowest rank is merged, the leftmost of equals first, until no pair merges. */
export class BytePairEncoder {
  readonly #vocabulary: Vocabulary;
  readonly #merges: MergeTable;
  /** Token of each byte; -1 where the vocabulary has none. */
  readonly #byteTokens: Int32Array;
  /** By id, one of UNKNOWN, WHOLE, SPLIT; found out on first use. */
  readonly #wholeness: Uint8Array;
  readonly #long: LongMerger;
  readonly #symbols = new Int32Array(SCAN_LIMIT);
  /** ranks[i] is that of (symbols[i], symbols[i + 1]). */
  readonly #ranks = new Int32Array(SCAN_LIMIT);

  /** @param ignoreMerges  take a piece that is a token as it is, whatever the merges would make of it
   *  @throws {ModelFormatError} a merge of tokens that the vocabulary lacks */
  constructor(vocabulary: Vocabulary, merges: readonly Merge[], ignoreMerges: boolean) {
    this.#vocabulary = vocabulary;
    this.#merges = new MergeTable(vocabulary, merges);
    this.#byteTokens = Int32Array.from({ length: 256 }, (_, byte) =>
      vocabulary.find(Uint8Array.of(byte), 0, 1),
    );
    this.#wholeness = new Uint8Array(vocabulary.size).fill(ignoreMerges ? WHOLE : UNKNOWN);
    this.#long = new LongMerger(this.#merges);
  }

  /** Appends the tokens of the piece bytes[0, length). A byte without a token gives nothing. */
  encode(bytes: Uint8Array, length: number, out: IdBuffer): void {
    const whole = this.#vocabulary.find(bytes, 0, length);
    if (whole >= 0 && this.#isWhole(whole, bytes, length)) {
      out.push(whole);
    } else if (length > SCAN_LIMIT) {
      this.#long.encode(this.#toSymbols(bytes, length, new Int32Array(length)), out);
    } else {
      const count = this.#mergeShort(bytes, length);
      for (let i = 0; i < count; i++) out.push(this.#symbols[i] as number);
    }
  }

  #isWhole(id: number, bytes: Uint8Array, length: number): boolean {
    if (this.#wholeness[id] === UNKNOWN) {
      // Long tokens are rare (runs of spaces and the like) and go the long way each time.
      const whole = length <= SCAN_LIMIT && this.#mergeShort(bytes, length) === 1;
      this.#wholeness[id] = whole ? WHOLE : SPLIT;
    }
    return this.#wholeness[id] === WHOLE;
  }

  /** @returns how many of #symbols the piece came to */
  #mergeShort(bytes: Uint8Array, length: number): number {
    const symbols = this.#symbols;
    const ranks = this.#ranks;
    let count = this.#toSymbols(bytes, length, symbols).length;
    for (let i = 0; i + 1 < count; i++) ranks[i] = this.#rankAt(i);
    for (;;) {
      let best = 0;
      for (let i = 1; i + 1 < count; i++) {
        if ((ranks[i] as number) < (ranks[best] as number)) best = i;
      }
      if (count < 2 || ranks[best] === NO_MERGE) return count;
      symbols[best] = this.#merges.result(ranks[best] as number);
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

  #toSymbols(bytes: Uint8Array, length: number, symbols: Int32Array): Int32Array {
    let count = 0;
    for (let i = 0; i < length; i++) {
      const id = this.#byteTokens[bytes[i] as number] as number;
      if (id >= 0) symbols[count++] = id;
    }
    return symbols.subarray(0, count);
  }
}
