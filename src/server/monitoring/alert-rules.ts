import { errorRate, type Row } from "./columns.ts";

export type Severity = "warning" | "critical";

/** When to raise an alert. */
export interface AlertRule {
  /** As it was written. */
  readonly text: string;
  readonly metric: AlertMetric;
  readonly threshold: number;
  readonly severity: Severity;
}

interface Metric {
  readonly what: string;
  readonly unit: string;
  /** Whether more is worse, or less. */
  readonly bad: ">" | "<";
  /** NaN where the interval says nothing about it. */
  readonly of: (row: Row) => number;
}

const MIB = 1024 * 1024;

export const ALERT_METRICS = {
  memory: { what: "memory", unit: "MiB", bad: ">", of: (row) => row.rss_bytes / MIB },
  cpu: { what: "CPU", unit: "%", bad: ">", of: (row) => row.cpu_percent },
  speed: {
    what: "speed",
    unit: "tokens/s",
    bad: "<",
    of: (row) => (row.generated_tokens > 0 ? row.generated_tokens / row.seconds : Number.NaN),
  },
  errors: { what: "errors", unit: "%", bad: ">", of: (row) => percent(errorRate(row)) },
  latency: { what: "latency (p95)", unit: "ms", bad: ">", of: (row) => row.request_p95 },
  queue: { what: "queue", unit: "requests", bad: ">", of: (row) => row.queued },
} as const satisfies Readonly<Record<string, Metric>>;

export type AlertMetric = keyof typeof ALERT_METRICS;

const RULE = /^([a-z]+)([<>])(\d+(?:\.\d+)?)(?::(warning|critical))?$/;

/** `memory>1024`, `speed<5:critical`; undefined where the text is no such rule. */
export function parseAlertRule(text: string): AlertRule | undefined {
  const [, name = "", sign, threshold, severity = "warning"] = RULE.exec(text) ?? [];
  if (!Object.hasOwn(ALERT_METRICS, name)) return undefined;
  const metric = name as AlertMetric;
  if (sign !== ALERT_METRICS[metric].bad) return undefined;
  return { text, metric, threshold: Number(threshold), severity: severity as Severity };
}

function percent(rate: number | null): number {
  return rate === null ? Number.NaN : rate * 100;
}
