/** A mean over values that come one by one. */
export class RunningMean {
  #count = 0;
  #mean = 0;
  /** Sum of squared distances from the mean. */
  #squares = 0;
  #max = Number.NEGATIVE_INFINITY;

  get count(): number {
    return this.#count;
  }
  /** 0 without values. */
  get mean(): number {
    return this.#mean;
  }
  get max(): number {
    return this.#max;
  }
  /** Standard error of the mean if the values were independent; 0 for fewer than two. */
  get standardError(): number {
    if (this.#count < 2) return 0;
    return Math.sqrt(this.#squares / this.#count / (this.#count - 1));
  }

  /** Welford's method: does not lose small variances beside large means. */
  add(value: number): void {
    this.#count++;
    const before = value - this.#mean;
    this.#mean += before / this.#count;
    this.#squares += before * (value - this.#mean);
    if (value > this.#max) this.#max = value;
  }
}
