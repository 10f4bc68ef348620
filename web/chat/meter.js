/** @import { Usage } from "../api/client.js" */
/** @import { AnswerStats } from "./conversation.js" */

/** Measures an answer while it comes. A piece counts as a token until the server tells the number. */
export class Meter {
  #askedAt;
  #firstAt = 0;
  #lastAt = 0;
  #pieces = 0;

  /** @param {number} now milliseconds, as in all methods */
  constructor(now) {
    this.#askedAt = now;
  }

  /** @param {number} now */
  count(now) {
    if (this.#pieces === 0) this.#firstAt = now;
    this.#lastAt = now;
    this.#pieces += 1;
  }

  /**
   * @param {Usage | undefined} usage
   * @param {string} finish
   * @returns {AnswerStats | undefined} undefined: nothing came
   */
  stats(usage, finish) {
    if (this.#pieces === 0) return undefined;
    const tokens = usage?.tokens ?? this.#pieces;
    const ms = this.#lastAt - this.#firstAt;
    const rate = this.#pieces > 1 && ms > 0 ? (1000 * (tokens - 1)) / ms : 0;
    const { promptTokens = 0, cachedTokens = 0 } = usage ?? {};
    return {
      firstMs: this.#firstAt - this.#askedAt,
      tokens,
      rate,
      promptTokens,
      cachedTokens,
      finish,
    };
  }
}
