import { COLUMN_NAMES, type Column, combine, type Row } from "./columns.ts";
import { Latencies } from "./latencies.ts";
import type { Probe } from "./probe.ts";
import { RowRing } from "./row-ring.ts";
import { Tally } from "./tally.ts";

export const INTERVAL_MS = 5000;
export const KEPT_MS = 24 * 3_600_000;
const KEPT_ROWS = KEPT_MS / INTERVAL_MS;
const MINUTE_MS = 60_000;

/** What the service holds at a moment. */
export interface Load {
  readonly active: number;
  readonly queued: number;
}

/** Looks at process and service every few seconds and remembers what it saw for a day: rows in a ring,
 *  and the latencies of every minute. That is about 3 MB at once and 4 MB more over a busy day. */
export class Snapshots {
  /** To be told of what the service does. */
  readonly tally = new Tally();
  readonly rows = new RowRing<Column>(COLUMN_NAMES, KEPT_ROWS);
  readonly #probe: Probe;
  readonly #load: () => Load;
  readonly #minutes = new Map<number, Latencies>();
  #lastAt: number;
  #lastCpuMs: number;
  #lastJoules: number;

  constructor(probe: Probe, load: () => Load) {
    this.#probe = probe;
    this.#load = load;
    this.#lastAt = probe.now();
    this.#lastCpuMs = probe.cpuMs();
    this.#lastJoules = probe.energy?.read() ?? Number.NaN;
  }

  /** Ends an interval. */
  take(): Row {
    const now = this.#probe.now();
    const cpuMs = this.#probe.cpuMs();
    const joules = this.#probe.energy?.read() ?? Number.NaN;
    const elapsedMs = Math.max(1, now - this.#lastAt);
    const { ended, latencies, promptTokens, cachedTokens, generatedTokens } = this.tally.take();
    const row: Row = {
      time: now / 1000,
      seconds: elapsedMs / 1000,
      rss_bytes: this.#probe.rssBytes(),
      cpu_percent: (100 * (cpuMs - this.#lastCpuMs)) / elapsedMs / this.#probe.cpus,
      ...this.#load(),
      ...ended,
      prompt_tokens: promptTokens,
      cached_tokens: cachedTokens,
      generated_tokens: generatedTokens,
      ...percentilesOf(latencies),
      joules: joules - this.#lastJoules,
    };
    this.#lastAt = now;
    this.#lastCpuMs = cpuMs;
    this.#lastJoules = joules;
    this.#keep(row, latencies);
    return row;
  }

  /** Place of the first row whose interval ended less than `windowMs` ago. */
  firstWithin(windowMs: number): number {
    const after = (this.#probe.now() - windowMs) / 1000;
    let low = 0;
    let high = this.rows.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows.get("time", middle) > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The rows of a window, combined to at most `most`. */
  within(windowMs: number, most: number): readonly Row[] {
    const first = this.firstWithin(windowMs);
    const step = Math.max(1, Math.ceil((this.rows.size - first) / most));
    const rows: Row[] = [];
    for (let from = first; from < this.rows.size; from += step) {
      rows.push(combine(this.rows, from, Math.min(from + step, this.rows.size)));
    }
    return rows;
  }

  /** Latencies of all minutes that the window touches. */
  latencies(windowMs: number): Latencies {
    const all = new Latencies();
    const first = Math.floor((this.#probe.now() - windowMs) / MINUTE_MS);
    for (const [minute, latencies] of this.#minutes) {
      if (minute >= first) all.addAll(latencies);
    }
    return all;
  }

  #keep(row: Row, latencies: Latencies): void {
    this.rows.push(row);
    const minute = Math.floor((row.time * 1000) / MINUTE_MS);
    const known = this.#minutes.get(minute);
    if (known) known.addAll(latencies);
    else this.#minutes.set(minute, latencies);
    for (const old of this.#minutes.keys()) {
      if (old >= minute - KEPT_MS / MINUTE_MS) break;
      this.#minutes.delete(old);
    }
  }
}

function percentilesOf(latencies: Latencies) {
  const get = (...[what, share]: Parameters<Latencies["percentile"]>) =>
    latencies.percentile(what, share) ?? Number.NaN;
  return {
    request_p50: get("request", 0.5),
    request_p95: get("request", 0.95),
    first_token_p50: get("first_token", 0.5),
    first_token_p95: get("first_token", 0.95),
    inter_token_p50: get("inter_token", 0.5),
    inter_token_p95: get("inter_token", 0.95),
  };
}
