import { combine, errorRate, largest, type Row } from "./columns.ts";
import type { LatencySummary, Timed } from "./latencies.ts";
import { INTERVAL_MS, KEPT_MS, type Snapshots } from "./snapshots.ts";
import { OUTCOMES, type Outcome } from "./tally.ts";

/** A row as clients get it: what was not there is null. */
export interface Snapshot {
  /** Seconds since 1970, at the end of the interval. */
  readonly time: number;
  readonly rss_bytes: number;
  /** Of the whole machine's CPUs. */
  readonly cpu_percent: number;
  readonly tokens_per_second: number;
  readonly active: number;
  readonly queued: number;
  /** Requests that ended. */
  readonly requests: number;
  readonly error_rate: number | null;
  readonly cache_hit_rate: number | null;
  readonly latency_ms: Readonly<Record<SnapshotLatency, number | null>>;
  readonly watts: number | null;
}

const SNAPSHOT_LATENCIES = [
  "request_p50",
  "request_p95",
  "first_token_p50",
  "first_token_p95",
  "inter_token_p50",
  "inter_token_p95",
] as const;
type SnapshotLatency = (typeof SNAPSHOT_LATENCIES)[number];

/** A window of time in figures. */
export interface Summary {
  readonly requests: Readonly<Record<Outcome | "total", number>> & {
    readonly per_second: number | null;
  };
  readonly error_rate: number | null;
  readonly tokens: {
    readonly prompt: number;
    readonly cached: number;
    readonly generated: number;
    readonly generated_per_second: number | null;
  };
  readonly cache_hit_rate: number | null;
  readonly latency_ms: Readonly<Record<Timed, LatencySummary>>;
  readonly memory: {
    readonly rss_bytes_mean: number | null;
    readonly rss_bytes_max: number | null;
  };
  readonly cpu_percent_mean: number | null;
  readonly energy: {
    readonly joules: number;
    readonly watts: number;
    readonly joules_per_token: number | null;
  } | null;
}

export function toSnapshot(row: Row): Snapshot {
  return {
    time: round(row.time, 1000),
    rss_bytes: Math.round(row.rss_bytes),
    cpu_percent: round(row.cpu_percent, 10),
    tokens_per_second: round(row.generated_tokens / row.seconds, 100),
    active: round(row.active, 100),
    queued: round(row.queued, 100),
    requests: endedIn(row),
    error_rate: errorRate(row),
    cache_hit_rate: share(row.cached_tokens, row.prompt_tokens),
    latency_ms: Object.fromEntries(
      SNAPSHOT_LATENCIES.map((name) => [name, orNull(round(row[name], 10))]),
    ) as Snapshot["latency_ms"],
    watts: orNull(round(row.joules / row.seconds, 100)),
  };
}

export function summarise(snapshots: Snapshots, windowMs: number): Summary {
  const { rows } = snapshots;
  const first = snapshots.firstWithin(windowMs);
  const all = zeroCounts(combine(rows, first, rows.size));
  const perSecond = (count: number) => orNull(round(count / all.seconds, 1000));
  const ended = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, all[outcome]]));
  return {
    requests: {
      total: endedIn(all),
      ...(ended as Record<Outcome, number>),
      per_second: perSecond(endedIn(all)),
    },
    error_rate: errorRate(all),
    tokens: {
      prompt: all.prompt_tokens,
      cached: all.cached_tokens,
      generated: all.generated_tokens,
      generated_per_second: perSecond(all.generated_tokens),
    },
    cache_hit_rate: share(all.cached_tokens, all.prompt_tokens),
    latency_ms: snapshots.latencies(windowMs).summary(),
    memory: {
      rss_bytes_mean: orNull(Math.round(all.rss_bytes)),
      rss_bytes_max: orNull(largest(rows, "rss_bytes", first, rows.size)),
    },
    cpu_percent_mean: orNull(round(all.cpu_percent, 10)),
    energy: energyOf(all),
  };
}

const WINDOW = /^([1-9]\d{0,5})(s|m|h)$/;
const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000 } as const;

/** `90s`, `15m`, `24h`, no longer than what is kept; undefined where the text is no such window. */
export function parseWindow(text: string): number | undefined {
  const [, count, unit] = WINDOW.exec(text) ?? [];
  if (count === undefined) return undefined;
  const ms = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  return ms >= INTERVAL_MS && ms <= KEPT_MS ? ms : undefined;
}

function endedIn(row: Row): number {
  return OUTCOMES.reduce((sum, outcome) => sum + row[outcome], 0);
}

function energyOf({ joules, seconds, generated_tokens }: Row): Summary["energy"] {
  if (Number.isNaN(joules)) return null;
  return {
    joules: round(joules, 100),
    watts: round(joules / seconds, 100),
    joules_per_token: share(joules, generated_tokens),
  };
}

/** A window without any interval has counts all the same. */
function zeroCounts(row: Row): Row {
  const counts = ["prompt_tokens", "cached_tokens", "generated_tokens", ...OUTCOMES] as const;
  const entries = counts.map((name) => [name, Number.isNaN(row[name]) ? 0 : row[name]] as const);
  return { ...row, ...Object.fromEntries(entries) };
}

function share(part: number, whole: number): number | null {
  return whole > 0 ? round(part / whole, 10_000) : null;
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** @param parts  1000 for three decimals */
function round(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}
