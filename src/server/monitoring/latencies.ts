import { LogHistogram } from "./log-histogram.ts";

/** What is timed: a request from its arrival to its end, to its place, from its place to the first
 *  token, and from token to token. */
export const TIMED = ["request", "wait", "first_token", "inter_token"] as const;
export type Timed = (typeof TIMED)[number];

export interface LatencySummary {
  readonly count: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** One histogram for each thing that is timed. */
export class Latencies {
  readonly #histograms = new Map<Timed, LogHistogram>();

  add(what: Timed, ms: number, times = 1): void {
    this.#of(what).add(ms, times);
  }

  addAll(other: Latencies): void {
    for (const [what, histogram] of other.#histograms) this.#of(what).addAll(histogram);
  }

  /** Milliseconds, in tenths. */
  percentile(what: Timed, share: number): number | null {
    return tenths(this.#histograms.get(what)?.percentile(share) ?? null);
  }

  summary(): Readonly<Record<Timed, LatencySummary>> {
    const entries = TIMED.map((what) => {
      const histogram = this.#histograms.get(what);
      const summary: LatencySummary = {
        count: histogram?.count ?? 0,
        mean: tenths(histogram?.mean ?? null),
        p50: this.percentile(what, 0.5),
        p95: this.percentile(what, 0.95),
        p99: this.percentile(what, 0.99),
      };
      return [what, summary] as const;
    });
    return Object.fromEntries(entries) as Record<Timed, LatencySummary>;
  }

  #of(what: Timed): LogHistogram {
    let histogram = this.#histograms.get(what);
    if (!histogram) {
      histogram = new LogHistogram();
      this.#histograms.set(what, histogram);
    }
    return histogram;
  }
}

function tenths(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}
