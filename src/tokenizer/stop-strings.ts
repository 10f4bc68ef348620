import { UsageError } from "../errors.ts";

export interface StopResult {
  /** Text that is safe to show: no part of it belongs to a stop string, now or later. */
  readonly text: string;
  /** The stop string that was found. Nothing comes after it. */
  readonly stop: string | undefined;
}

/** Finds stop strings in streamed text. Text that may yet turn out to be the beginning of one is held
 *  back. The match that is complete first wins; of those that end together, the longest. So the
 *  result depends on the text alone, not on how it was cut into tokens, and no token is generated
 *  only to tell two matches apart. Time per character is constant for each stop string. */
export class StopStrings {
  readonly #matchers: readonly Matcher[];
  #held = "";
  #found: string | undefined;

  /** @throws {UsageError} an empty stop string */
  constructor(stops: readonly string[]) {
    if (stops.includes("")) throw new UsageError("a stop string is empty");
    this.#matchers = stops.map((stop) => new Matcher(stop));
  }

  /** Takes the next text. Once a stop was found, further text is dropped. */
  push(text: string): StopResult {
    if (this.#found !== undefined) return { text: "", stop: this.#found };
    const all = this.#held + text;
    for (let i = this.#held.length; i < all.length; i++) {
      this.#found = this.#step(all.charCodeAt(i));
      if (this.#found !== undefined) {
        this.#held = "";
        return { text: all.slice(0, i + 1 - this.#found.length), stop: this.#found };
      }
    }
    const pending = this.#matchers.reduce((most, { matched }) => Math.max(most, matched), 0);
    this.#held = all.slice(all.length - pending);
    return { text: all.slice(0, all.length - pending), stop: undefined };
  }

  /** The text held back, at the end of a generation without a stop. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    for (const matcher of this.#matchers) matcher.reset();
    return held;
  }

  #step(unit: number): string | undefined {
    let longest: string | undefined;
    for (const matcher of this.#matchers) {
      const found = matcher.step(unit);
      if (found && matcher.stop.length > (longest?.length ?? 0)) longest = matcher.stop;
    }
    return longest;
  }
}

/** Knuth, Morris and Pratt's matcher of one string. */
class Matcher {
  readonly stop: string;
  /** For each prefix, the length of its longest proper border. */
  readonly #borders: Int32Array;
  #matched = 0;

  constructor(stop: string) {
    this.stop = stop;
    this.#borders = new Int32Array(stop.length + 1);
    for (let i = 1; i < stop.length; i++) {
      this.#matched = this.#advance(stop.charCodeAt(i));
      this.#borders[i + 1] = this.#matched;
    }
    this.reset();
  }

  /** How much of the stop string the text ends with. */
  get matched(): number {
    return this.#matched;
  }

  reset(): void {
    this.#matched = 0;
  }

  /** @returns whether the stop string is complete */
  step(unit: number): boolean {
    this.#matched = this.#advance(unit);
    return this.#matched === this.stop.length;
  }

  #advance(unit: number): number {
    let matched = this.#matched;
    while (matched > 0 && this.stop.charCodeAt(matched) !== unit) {
      matched = this.#borders[matched] as number;
    }
    return this.stop.charCodeAt(matched) === unit ? matched + 1 : 0;
  }
}
