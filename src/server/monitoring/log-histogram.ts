/** Width of a bucket: what it gives is at most 5 % off. */
const GROWTH = 1.1;
const FIRST_MS = 0.1;
const LAST_MS = 3_600_000;
const BUCKETS = Math.ceil(Math.log(LAST_MS / FIRST_MS) / Math.log(GROWTH)) + 1;

/** Milliseconds in buckets whose width grows with the value: of a fixed size however many there are,
 *  and any number of them can be added up. */
export class LogHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #sum = 0;

  get count(): number {
    return this.#count;
  }

  /** Null where there is nothing. */
  get mean(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }

  /** @param times  how often the value occurred */
  add(ms: number, times = 1): void {
    const steps = Math.log(Math.max(ms, FIRST_MS) / FIRST_MS) / Math.log(GROWTH);
    const bucket = Math.min(BUCKETS - 1, Math.floor(steps));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + times;
    this.#count += times;
    this.#sum += ms * times;
  }

  addAll(other: LogHistogram): void {
    for (const [i, count] of other.#counts.entries()) {
      this.#counts[i] = (this.#counts[i] ?? 0) + count;
    }
    this.#count += other.#count;
    this.#sum += other.#sum;
  }

  /** The value that a share of the others does not exceed; null where there is nothing. */
  percentile(share: number): number | null {
    let left = Math.max(1, Math.ceil(share * this.#count));
    for (const [i, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return FIRST_MS * GROWTH ** (i + 0.5);
    }
    return null;
  }
}
