import { percentile } from "../stats.ts";
import type { Histogram, Latency } from "./document.ts";

const BINS = 40;

/** Sums up the times between tokens; null without any. */
export function summarizeLatency(intervalsMs: readonly number[]): Latency | null {
  if (intervalsMs.length === 0) return null;
  const at = (share: number) => round(percentile(intervalsMs, share));
  const mean = intervalsMs.reduce((sum, value) => sum + value, 0) / intervalsMs.length;
  return {
    count: intervalsMs.length,
    mean: round(mean),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max: at(1),
    histogram: histogramOf(intervalsMs),
  };
}

/** Reaches from the fastest to half as much again as the 99th percentile: the last bin holds the
 *  stragglers. */
function histogramOf(values: readonly number[]): Histogram {
  const from = round(Math.min(...values));
  const to = round(Math.max(from + 0.001, percentile(values, 0.99) * 1.5));
  const counts = new Array<number>(BINS).fill(0);
  for (const value of values) {
    const bin = Math.floor(((value - from) / (to - from)) * BINS);
    const index = Math.min(BINS - 1, Math.max(0, bin));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return { from, to, counts };
}

/** Milliseconds to the microsecond. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
