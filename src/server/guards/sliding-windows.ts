import type { RateLimit } from "./rates.ts";

/** Clients and events that are remembered at most; about 10 MB. */
const MAX_CLIENTS = 10_000;
const MAX_EVENTS = 1_000_000;

/** Counts events per client: never more than `count` in any stretch of time as long as the window.
 *  What is remembered is bounded: beyond it, whoever has done nothing for the longest is forgotten. */
export class SlidingWindows {
  readonly #limit: RateLimit;
  readonly #now: () => number;
  /** Those who did something last stand last. */
  readonly #clients = new Map<string, Events>();
  #events = 0;

  /** @param now  milliseconds of a clock that only goes forward */
  constructor(limit: RateLimit, now: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#clients.size;
  }

  /** Milliseconds until the client may do something; 0 for now. */
  waitMs(client: string): number {
    const events = this.#clients.get(client);
    if (!events) return 0;
    const now = this.#now();
    this.#events -= events.dropBefore(now - this.#limit.windowMs);
    if (events.size < this.#limit.count) return 0;
    return Math.max(1, events.first + this.#limit.windowMs - now);
  }

  /** Notes an event, if there is room for it; gives what `waitMs` gives. */
  take(client: string): number {
    const waitMs = this.waitMs(client);
    if (waitMs > 0) return waitMs;
    const events = this.#clients.get(client) ?? new Events();
    events.add(this.#now());
    this.#events += 1;
    this.#clients.delete(client);
    this.#clients.set(client, events);
    this.#forget();
    return 0;
  }

  #forget(): void {
    for (const [client, events] of this.#clients) {
      if (this.#clients.size <= MAX_CLIENTS && this.#events <= MAX_EVENTS) return;
      this.#clients.delete(client);
      this.#events -= events.size;
    }
  }
}

/** Times in their order. */
class Events {
  #times: number[] = [];
  /** Those before it are over. */
  #head = 0;

  get size(): number {
    return this.#times.length - this.#head;
  }

  get first(): number {
    return this.#times[this.#head] ?? 0;
  }

  add(time: number): void {
    this.#times.push(time);
  }

  /** Gives how many those were. */
  dropBefore(time: number): number {
    const before = this.#head;
    while (this.#head < this.#times.length && this.first <= time) this.#head += 1;
    const dropped = this.#head - before;
    if (this.#head > this.#times.length / 2) {
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
    return dropped;
  }
}
