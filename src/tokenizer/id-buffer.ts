/** A list of token ids that grows: what encoders write to. */
export class IdBuffer {
  #ids = new Int32Array(64);
  #length = 0;

  push(id: number): void {
    if (this.#length === this.#ids.length) this.#grow();
    this.#ids[this.#length++] = id;
  }

  /** A copy of exactly the ids written so far. */
  toArray(): Int32Array {
    return this.#ids.slice(0, this.#length);
  }

  #grow(): void {
    const larger = new Int32Array(this.#ids.length * 2);
    larger.set(this.#ids);
    this.#ids = larger;
  }
}
