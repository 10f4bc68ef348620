import type { Session } from "../engine/session.ts";

/** One of the requests that may generate at once: its session stays from request to request, so that
 *  what they begin with alike is evaluated once. */
export interface Place {
  readonly session: Session;
  busy: boolean;
  /** When it was given back last; 0 for never. */
  usedAt: number;
}

export class Places {
  readonly #places: readonly Place[];
  #uses = 0;

  constructor(count: number, createSession: () => Session) {
    this.#places = Array.from({ length: count }, () => {
      return { session: createSession(), busy: false, usedAt: 0 };
    });
  }

  get count(): number {
    return this.#places.length;
  }
  get active(): number {
    return this.#places.filter(({ busy }) => busy).length;
  }
  /** Tokens that are kept, of all places together. */
  get cachedTokens(): number {
    return this.#places.reduce((sum, { session }) => sum + session.evaluatedTokens, 0);
  }

  /** Takes the idle place that has evaluated the longest beginning of the prompt; of several, the one
   *  that has been idle longest. */
  take(prompt: Int32Array): Place | undefined {
    let best: Place | undefined;
    let most = -1;
    for (const place of this.#places) {
      if (place.busy) continue;
      const shared = place.session.sharedTokens(prompt);
      const isBetter = shared > most || (shared === most && place.usedAt < (best?.usedAt ?? 0));
      if (isBetter) [best, most] = [place, shared];
    }
    if (best) best.busy = true;
    return best;
  }

  giveBack(place: Place): void {
    place.busy = false;
    this.#uses += 1;
    place.usedAt = this.#uses;
  }

  close(): void {
    for (const { session } of this.#places) session.close();
  }
}
