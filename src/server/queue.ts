/** Those who wait, in turns: one of each client, whoever has been waiting longest first, so that a
 *  client with many requests does not keep the others waiting. */
export class FairQueue<T> {
  /** Clients in the order of their turns; a client without anyone waiting is not in it. */
  readonly #waiting = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(client: string, item: T): void {
    const own = this.#waiting.get(client);
    if (own) own.push(item);
    else this.#waiting.set(client, [item]);
    this.#size += 1;
  }

  /** Whose turn it is; their client's next turn comes after those of all others. */
  shift(): T | undefined {
    for (const [client, own] of this.#waiting) {
      const item = own.shift();
      this.#waiting.delete(client);
      if (own.length > 0) this.#waiting.set(client, own);
      if (item !== undefined) this.#size -= 1;
      return item;
    }
    return undefined;
  }

  /** Takes out one who does not want to wait any longer. */
  remove(client: string, item: T): boolean {
    const own = this.#waiting.get(client);
    const at = own?.indexOf(item) ?? -1;
    if (!own || at < 0) return false;
    own.splice(at, 1);
    if (own.length === 0) this.#waiting.delete(client);
    this.#size -= 1;
    return true;
  }
}
