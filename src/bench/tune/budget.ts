import type { MeasureChoice, SearchLimits } from "./search.ts";
import type { Choice } from "./space.ts";
import type { Speed } from "./turn.ts";

/** Keeps a search within its time: as much as the last comparison will take is held back. */
export class Budget {
  readonly #clock: () => number;
  readonly #end: number;
  readonly #measure: MeasureChoice;
  readonly #held: number;
  /** The longest measurement so far. */
  #cost = 0;

  /** `held` measurements are kept for the end. */
  constructor({ clock, seconds }: SearchLimits, measure: MeasureChoice, held: number) {
    this.#clock = clock;
    this.#end = clock() + seconds;
    this.#measure = measure;
    this.#held = held;
  }

  async measure(choice: Choice, longPrompts: boolean): Promise<Speed> {
    const startedAt = this.#clock();
    const speed = await this.#measure(choice, longPrompts);
    this.#cost = Math.max(this.#cost, this.#clock() - startedAt);
    return speed;
  }

  /** Tells whether one more measurement fits into an equal share of the time that `n` stages have. */
  share(n: number): () => boolean {
    const startedAt = this.#clock();
    return () => {
      const left = this.#end - this.#held * this.#cost - startedAt;
      return this.#clock() + this.#cost <= startedAt + left / n;
    };
  }

  isSpent(): boolean {
    return this.#clock() + 2 * this.#cost > this.#end;
  }
}
