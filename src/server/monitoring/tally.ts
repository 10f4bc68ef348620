import type { RequestEnd, ServiceWatcher } from "../watcher.ts";
import { Latencies } from "./latencies.ts";

export type Outcome = RequestEnd["outcome"];

export const OUTCOMES = [
  "ok",
  "error",
  "cancelled",
  "timeout",
  "refused",
] as const satisfies readonly Outcome[];

/** What happened in a stretch of time. */
export interface Tallied {
  readonly ended: Readonly<Record<Outcome, number>>;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  readonly latencies: Latencies;
}

/** Counts what the service does, from one `take` to the next. */
export class Tally implements ServiceWatcher {
  #ended = noneEnded();
  #promptTokens = 0;
  #cachedTokens = 0;
  #generatedTokens = 0;
  #latencies = new Latencies();

  started(waitedMs: number): void {
    this.#latencies.add("wait", waitedMs);
  }

  firstToken(ms: number, promptTokens: number, cachedTokens: number): void {
    this.#latencies.add("first_token", ms);
    this.#promptTokens += promptTokens;
    this.#cachedTokens += cachedTokens;
    this.#generatedTokens += 1;
  }

  tokens(count: number, sinceLastMs: number): void {
    this.#latencies.add("inter_token", sinceLastMs / count, count);
    this.#generatedTokens += count;
  }

  finished({ outcome, ms, promptTokens, generatedTokens }: RequestEnd): void {
    this.#ended[outcome] += 1;
    if (outcome !== "ok") return;
    this.#latencies.add("request", ms);
    if (generatedTokens === 0) this.#promptTokens += promptTokens; // there was no first token to tell them
  }

  /** Gives the counts and begins anew. */
  take(): Tallied {
    const tallied = {
      ended: this.#ended,
      promptTokens: this.#promptTokens,
      cachedTokens: this.#cachedTokens,
      generatedTokens: this.#generatedTokens,
      latencies: this.#latencies,
    };
    this.#ended = noneEnded();
    this.#promptTokens = 0;
    this.#cachedTokens = 0;
    this.#generatedTokens = 0;
    this.#latencies = new Latencies();
    return tallied;
  }
}

function noneEnded(): Record<Outcome, number> {
  return { ok: 0, error: 0, cancelled: 0, timeout: 0, refused: 0 };
}
