import type { RowRing } from "./row-ring.ts";

/** What is kept of each interval, and how several intervals become one: counts are added up, states
 *  averaged over time. NaN stands for what was not there to be measured. */
export const COLUMNS = {
  /** Seconds since 1970, at the end of the interval. */
  time: "last",
  seconds: "sum",
  rss_bytes: "mean",
  cpu_percent: "mean",
  active: "mean",
  queued: "mean",
  ok: "sum",
  error: "sum",
  cancelled: "sum",
  timeout: "sum",
  refused: "sum",
  prompt_tokens: "sum",
  cached_tokens: "sum",
  generated_tokens: "sum",
  request_p50: "mean",
  request_p95: "max",
  first_token_p50: "mean",
  first_token_p95: "max",
  inter_token_p50: "mean",
  inter_token_p95: "max",
  joules: "sum",
} as const satisfies Readonly<Record<string, "last" | "sum" | "mean" | "max">>;

export type Column = keyof typeof COLUMNS;
export type Row = Readonly<Record<Column, number>>;

export const COLUMN_NAMES = Object.keys(COLUMNS) as readonly Column[];

/** One row for the intervals `from` to `to` (not included); NaN where none of them has a value. */
export function combine(ring: RowRing<Column>, from: number, to: number): Row {
  const entries = COLUMN_NAMES.map((column) => [column, combineColumn(ring, column, from, to)]);
  return Object.fromEntries(entries) as Row;
}

/** The largest value of a column; NaN where there is none. */
export function largest(ring: RowRing<Column>, column: Column, from: number, to: number): number {
  let most = Number.NaN;
  for (let i = from; i < to; i++) {
    const value = ring.get(column, i);
    if (!(value <= most) && !Number.isNaN(value)) most = value;
  }
  return most;
}

/** Requests that failed by the server's fault, of those that it tried to answer to the end. */
export function errorRate({ ok, error, timeout }: Row): number | null {
  const tried = ok + error + timeout;
  return tried > 0 ? Math.round((10_000 * (error + timeout)) / tried) / 10_000 : null;
}

function combineColumn(ring: RowRing<Column>, column: Column, from: number, to: number): number {
  const how = COLUMNS[column];
  if (how === "last") return ring.get(column, to - 1);
  if (how === "max") return largest(ring, column, from, to);
  let sum = 0;
  let weight = 0;
  for (let i = from; i < to; i++) {
    const value = ring.get(column, i);
    if (Number.isNaN(value)) continue;
    const share = how === "mean" ? ring.get("seconds", i) : 1;
    sum += value * share;
    weight += share;
  }
  if (weight === 0) return Number.NaN;
  return how === "mean" ? sum / weight : sum;
}
