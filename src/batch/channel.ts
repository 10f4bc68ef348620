/** A queue between those who make something and one who takes it; ends when it is closed and empty. */
export class Channel<T> implements AsyncIterable<T> {
  #queue: T[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  push(...items: readonly T[]): void {
    this.#queue.push(...items);
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const items = this.#queue;
      this.#queue = [];
      yield* items;
      if (items.length > 0) continue;
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
