import type { GenerationChunk } from "../../engine/generation.ts";
import { ApiError } from "../api-error.ts";
import type { Matcher } from "./patterns/matcher.ts";
import type { PatternSet } from "./patterns/pattern-set.ts";

/** Text that is held back at most, in UTF-16 units. The beginning of a match that is longer has been
 *  sent by the time it is complete; it ends the answer all the same. */
export const MAX_HELD_CHARS = 1024;

/** Lets an answer through, each character as soon as no pattern can begin with it any more. What gets
 *  through depends on the text alone, not on how it was cut into chunks. */
export class OutputScreen {
  readonly #patterns: PatternSet;
  readonly #onFound: ((place: string) => void) | undefined;
  readonly #matcher: Matcher;
  #held: GenerationChunk[] = [];
  /** Length of the text that has been let through, and of all. */
  #sent = 0;
  #length = 0;
  #found = false;

  /** @param onFound  told which pattern it was; the client is not */
  constructor(patterns: PatternSet, onFound?: ((place: string) => void) | undefined) {
    this.#patterns = patterns;
    this.#onFound = onFound;
    this.#matcher = patterns.matcher();
  }

  /** Takes a chunk; gives what may be sent. */
  push(chunk: GenerationChunk): readonly GenerationChunk[] {
    if (this.#found) return [];
    this.#held.push(chunk);
    this.#length += chunk.text.length;
    const { found, open } = this.#matcher.push(chunk.text);
    this.#note(found);
    return this.#release(Math.max(open, this.#length - MAX_HELD_CHARS));
  }

  /** The answer is complete; gives what has been held back. */
  end(): readonly GenerationChunk[] {
    if (this.#found) return [];
    const { found, open } = this.#matcher.end();
    this.#note(found);
    return this.#release(this.#found ? open : this.#length);
  }

  /** @throws {ApiError} RESPONSE_FILTERED: what was given has been all */
  check(): void {
    if (!this.#found) return;
    throw new ApiError("RESPONSE_FILTERED", "the answer holds what this server does not give");
  }

  #note(found: number | undefined): void {
    if (found === undefined) return;
    this.#found = true;
    this.#onFound?.(this.#patterns.place(found));
  }

  /** Gives the text up to a position. A chunk's tokens go with the end of its text. */
  #release(until: number): readonly GenerationChunk[] {
    const released: GenerationChunk[] = [];
    for (let chunk = this.#held[0]; chunk; chunk = this.#held[0]) {
      const left = until - this.#sent;
      if (left < chunk.text.length) {
        if (left <= 0) break;
        released.push({ text: chunk.text.slice(0, left), tokenIds: [] });
        this.#held[0] = { ...chunk, text: chunk.text.slice(left) };
        this.#sent = until;
        break;
      }
      released.push(chunk);
      this.#held.shift();
      this.#sent += chunk.text.length;
    }
    return released;
  }
}
