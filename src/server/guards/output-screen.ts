import { ApiError } from "../api-error.ts";
import type { Matcher } from "./patterns/matcher.ts";
import type { PatternSet } from "./patterns/pattern-set.ts";

/** Text that is held back at most, in UTF-16 units. The beginning of a match that is longer has been
 *  sent by the time it is complete; it ends the answer all the same. */
export const MAX_HELD_CHARS = 1024;

/** Lets the pieces of one answer through, each as soon as no pattern can begin in it any more. */
export class OutputScreen<T extends { readonly text: string }> {
  readonly #patterns: PatternSet;
  readonly #onFound: ((place: string) => void) | undefined;
  readonly #matcher: Matcher;
  #held: { readonly piece: T; readonly end: number }[] = [];
  #length = 0;

  /** @param onFound  told which pattern it was; the client is not */
  constructor(patterns: PatternSet, onFound?: ((place: string) => void) | undefined) {
    this.#patterns = patterns;
    this.#onFound = onFound;
    this.#matcher = patterns.matcher();
  }

  /** Takes a piece; gives those that may be sent.
   *  @throws {ApiError} RESPONSE_FILTERED: what is held back is not to be sent, nor anything after it */
  push(piece: T): readonly T[] {
    const { found, open } = this.#matcher.push(piece.text);
    this.#length += piece.text.length;
    this.#held.push({ piece, end: this.#length });
    return this.#release(found, Math.max(open, this.#length - MAX_HELD_CHARS));
  }

  /** The answer is complete; gives what is still held back.
   *  @throws as `push` */
  end(): readonly T[] {
    return this.#release(this.#matcher.end().found, this.#length);
  }

  #release(found: number | undefined, safe: number): readonly T[] {
    if (found !== undefined) {
      this.#onFound?.(this.#patterns.place(found));
      throw new ApiError("RESPONSE_FILTERED", "the answer holds what this server does not give");
    }
    const count = this.#held.findIndex(({ end }) => end > safe);
    return this.#held.splice(0, count < 0 ? this.#held.length : count).map(({ piece }) => piece);
  }
}
