import type { IdBuffer } from "./id-buffer.ts";
import { type MergeRules, NO_MERGE } from "./merge-rules.ts";

/** Heap keys hold rank and position in one double: rank * 2^28 + position stays below 2^53 for every
 *  rank below 2^22 (MAX_RANKS), so that keys compare by rank, then by position. */
const POSITIONS = 2 ** 28;

/** Byte-pair merging in O(n log n) for pieces of any length: a doubly linked list of symbols and a
 *  binary heap of candidate merges. A run of a million letters is one piece. */
export class LongMerger {
  readonly #merges: MergeRules;

  constructor(merges: MergeRules) {
    this.#merges = merges;
  }

  /** Merges `symbols` in place and appends what is left of them. */
  encode(symbols: Int32Array, out: IdBuffer): void {
    const count = symbols.length;
    const links = new Links(count);
    const ranks = new Int32Array(count).fill(NO_MERGE);
    const heap = new KeyHeap(count * 2);
    const consider = (at: number): void => {
      const next = links.next[at] as number;
      const rank =
        next < count ? this.#merges.rank(symbols[at] as number, symbols[next] as number) : NO_MERGE;
      ranks[at] = rank;
      if (rank !== NO_MERGE) heap.push(rank * POSITIONS + at);
    };
    for (let i = 0; i < count; i++) consider(i);
    for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
      const at = key % POSITIONS;
      // An entry is stale when the pair at its position has changed since; then the rank has, too,
      // or the new pair has the same rank and is due just the same.
      if (ranks[at] !== Math.floor(key / POSITIONS)) continue;
      const next = links.next[at] as number;
      symbols[at] = this.#merges.result(
        ranks[at] as number,
        symbols[at] as number,
        symbols[next] as number,
      );
      ranks[next] = NO_MERGE;
      links.removeNext(at);
      const previous = links.previous[at] as number;
      if (previous >= 0) consider(previous);
      consider(at);
    }
    for (let i = 0; i < count; i = links.next[i] as number) out.push(symbols[i] as number);
  }
}

/** Positions in list order; -1 and `count` stand before the first and after the last. */
class Links {
  readonly previous: Int32Array;
  readonly next: Int32Array;

  constructor(count: number) {
    this.previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    this.next = Int32Array.from({ length: count }, (_, i) => i + 1);
  }

  removeNext(at: number): void {
    const after = this.next[this.next[at] as number] as number;
    this.next[at] = after;
    if (after < this.previous.length) this.previous[after] = at;
  }
}

/** Binary min-heap of numbers. */
class KeyHeap {
  #keys: Float64Array;
  #size = 0;

  constructor(capacity: number) {
    this.#keys = new Float64Array(Math.max(capacity, 16));
  }

  push(key: number): void {
    if (this.#size === this.#keys.length) {
      const larger = new Float64Array(this.#size * 2);
      larger.set(this.#keys);
      this.#keys = larger;
    }
    const keys = this.#keys;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((keys[parent] as number) <= key) break;
      keys[at] = keys[parent] as number;
      at = parent;
    }
    keys[at] = key;
  }

  pop(): number | undefined {
    if (this.#size === 0) return undefined;
    const keys = this.#keys;
    const top = keys[0] as number;
    const last = keys[--this.#size] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= last) break;
      keys[at] = keys[child] as number;
      at = child;
    }
    keys[at] = last;
    return top;
  }
}
