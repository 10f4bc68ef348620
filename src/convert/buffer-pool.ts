/** Memory that is taken again and again: the collector would not keep up with blocks of megabytes. */
export class BufferPool {
  readonly #free: Buffer[] = [];

  take(bytes: number): Loan {
    const at = this.#free.findIndex((buffer) => buffer.length >= bytes);
    const whole = at < 0 ? Buffer.allocUnsafeSlow(bytes) : (this.#free.splice(at, 1)[0] as Buffer);
    let isFree = false;
    const release = (): void => {
      if (isFree) return;
      isFree = true;
      this.#free.push(whole);
      // Smaller ones have served their turn.
      if (this.#free.length > MOST_FREE) this.#free.sort((a, b) => b.length - a.length).pop();
    };
    return { bytes: whole.subarray(0, bytes), release };
  }
}

/** Bytes of the pool; valid until `release`, which may be called twice. */
export interface Loan {
  readonly bytes: Buffer;
  readonly release: () => void;
}

const MOST_FREE = 8;
