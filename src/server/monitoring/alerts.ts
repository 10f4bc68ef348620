import { ALERT_METRICS, type AlertMetric, type AlertRule, type Severity } from "./alert-rules.ts";
import type { Row } from "./columns.ts";

/** Something that was, or is, not as it should be; as clients get it. */
export interface Alert {
  readonly id: number;
  /** As the operator wrote it. */
  readonly rule: string;
  readonly metric: AlertMetric;
  readonly severity: Severity;
  readonly threshold: number;
  /** When it was raised. */
  readonly value: number;
  readonly message: string;
  /** Seconds since 1970. */
  readonly started: number;
  readonly recovered: number | null;
}

export type AlertListener = (alert: Alert) => void;

/** So many intervals in a row decide, so that one outlier raises nothing and ends nothing. */
const DECIDING = 3;
const KEPT_S = 6 * 3600;
const MAX_KEPT = 1000;

/** Holds the rules against every snapshot. Each breach is told once, and once more when it is over. */
export class Alerts {
  readonly #watched: readonly Watched[];
  readonly #listeners: readonly AlertListener[];
  #kept: Alert[] = [];
  #raised = 0;

  constructor(rules: readonly AlertRule[], listeners: readonly AlertListener[]) {
    this.#watched = rules.map((rule) => ({ rule, inFavour: 0, raised: undefined }));
    this.#listeners = listeners;
  }

  check(row: Row): void {
    this.#kept = this.#kept.filter(
      ({ recovered }) => recovered === null || recovered > row.time - KEPT_S,
    );
    for (const watched of this.#watched) this.#judge(watched, row);
  }

  /** Of the last six hours, and those that last; the newest first. */
  list(): readonly Alert[] {
    return this.#kept.toReversed();
  }

  /** How many last. */
  active(severity: Severity): number {
    return this.#watched.filter(({ raised }) => raised?.severity === severity).length;
  }

  #judge(watched: Watched, row: Row): void {
    const { rule, raised } = watched;
    const metric = ALERT_METRICS[rule.metric];
    const value = metric.of(row);
    // An idle server is neither slow nor faulty: NaN is no breach.
    const isBad = metric.bad === ">" ? value > rule.threshold : value < rule.threshold;
    watched.inFavour = isBad === (raised === undefined) ? watched.inFavour + 1 : 0;
    if (watched.inFavour < DECIDING) return;
    watched.inFavour = 0;
    if (raised) this.#recover(watched, raised, row.time);
    else this.#raise(watched, value, row.time);
  }

  #raise(watched: Watched, value: number, time: number): void {
    const { text, metric, severity, threshold } = watched.rule;
    const { what, unit, bad } = ALERT_METRICS[metric];
    const [rounded, side] = [Math.round(value * 10) / 10, bad === ">" ? "above" : "below"];
    this.#raised += 1;
    const alert: Alert = {
      id: this.#raised,
      rule: text,
      metric,
      severity,
      threshold,
      value: rounded,
      message: `${what} is ${rounded} ${unit}, ${side} ${threshold}`,
      started: time,
      recovered: null,
    };
    watched.raised = alert;
    this.#kept = [...this.#kept, alert].slice(-MAX_KEPT);
    this.#tell(alert);
  }

  #recover(watched: Watched, raised: Alert, time: number): void {
    const alert: Alert = { ...raised, recovered: time };
    watched.raised = undefined;
    this.#kept = this.#kept.map((one) => (one.id === alert.id ? alert : one));
    this.#tell(alert);
  }

  #tell(alert: Alert): void {
    for (const listener of this.#listeners) listener(alert);
  }
}

interface Watched {
  readonly rule: AlertRule;
  /** Intervals in a row that speak for raising the alert, or for ending it. */
  inFavour: number;
  raised: Alert | undefined;
}
