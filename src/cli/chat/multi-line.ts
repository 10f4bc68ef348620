/** Marks the beginning and the end of a block of lines. */
const FENCE = '"""';

/** Puts lines together to one message: a line that ends with a backslash goes on in the next, and
 *  what stands between two `"""` is taken as it is. */
export class MessageBuilder {
  #lines: string[] = [];
  #inBlock = false;

  /** Whether a message has begun and is not complete. */
  get open(): boolean {
    return this.#inBlock || this.#lines.length > 0;
  }

  /** Takes the next line.
   *  @returns the message that it completes */
  push(line: string): string | undefined {
    if (this.#inBlock) return this.#pushInBlock(line);
    if (this.#lines.length === 0 && line.trimStart().startsWith(FENCE)) {
      this.#inBlock = true;
      const rest = line.trimStart().slice(FENCE.length);
      return rest === "" ? undefined : this.#pushInBlock(rest);
    }
    if (line.endsWith("\\")) {
      this.#lines.push(line.slice(0, -1));
      return undefined;
    }
    return this.#complete(line);
  }

  /** Forgets what has been typed of a message. */
  reset(): void {
    this.#lines = [];
    this.#inBlock = false;
  }

  #pushInBlock(line: string): string | undefined {
    const end = line.trimEnd();
    if (!end.endsWith(FENCE)) {
      this.#lines.push(line);
      return undefined;
    }
    const last = end.slice(0, -FENCE.length);
    return last === "" ? this.#complete() : this.#complete(last);
  }

  #complete(...last: string[]): string {
    const message = [...this.#lines, ...last].join("\n");
    this.reset();
    return message;
  }
}
