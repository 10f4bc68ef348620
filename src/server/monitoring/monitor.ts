import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { ApiError } from "../api-error.ts";
import type { OnRequestEnd } from "../guards/record.ts";
import { ErrorAnswer } from "../schemas/common.ts";
import type { ServiceWatcher } from "../watcher.ts";
import type { AlertRule } from "./alert-rules.ts";
import { type AlertListener, Alerts } from "./alerts.ts";
import { type MetricSources, Metrics } from "./metrics.ts";
import type { Probe } from "./probe.ts";
import { parseWindow, type Snapshot, type Summary, summarise, toSnapshot } from "./report.ts";
import { SecurityCounters } from "./security-counters.ts";
import { INTERVAL_MS, KEPT_MS, Snapshots } from "./snapshots.ts";

export interface MonitorParts extends Pick<MetricSources, "version" | "load" | "model"> {
  readonly probe: Probe;
  readonly rules: readonly AlertRule[];
  readonly alertListeners: readonly AlertListener[];
}

/** Requests of an address in a minute: pages and scrapers ask every few seconds; a day is large. */
const OFTEN = { perMinute: 600 } as const;
const SELDOM = { perMinute: 12 } as const;
const DEFAULT_WINDOW_MS = 3_600_000;
const MAX_SNAPSHOTS = 360;
/** Windows of time that are asked for at once: the page offers four. */
const MAX_KNOWN = 8;

/** Keeps account of a server: figures for Prometheus, snapshots of a day, alerts. */
export class Monitor {
  readonly metrics: Metrics;
  /** To be told of what the service does. */
  readonly watchers: readonly ServiceWatcher[];
  /** To be told of the end of every HTTP request. */
  readonly listeners: readonly OnRequestEnd[];
  readonly #parts: MonitorParts;
  readonly #snapshots: Snapshots;
  readonly #alerts: Alerts;
  readonly #security: SecurityCounters;
  readonly #startedAt: number;
  #timer: NodeJS.Timeout | undefined;
  /** What the snapshots say, until there is another. */
  readonly #known = new Map<string, Figures>();

  constructor(parts: MonitorParts) {
    const { probe, rules, alertListeners, version, load, model } = parts;
    this.#parts = parts;
    this.#startedAt = probe.now();
    this.#snapshots = new Snapshots(probe, () => {
      const { active, queued } = load();
      return { active, queued };
    });
    this.#alerts = new Alerts(rules, alertListeners);
    this.#security = new SecurityCounters(() => probe.now());
    const { energy } = probe;
    this.metrics = new Metrics({ version, load, model, energy, alerts: this.#alerts });
    this.watchers = [this.#snapshots.tally, this.metrics];
    this.listeners = [this.metrics.listener, this.#security.listener];
  }

  /** Takes a snapshot every few seconds from now on, until `close`. */
  start(): void {
    this.#timer = setInterval(() => this.observe(), INTERVAL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Takes a snapshot. */
  observe(): void {
    this.#known.clear();
    this.#alerts.check(this.#snapshots.take());
  }

  /** What happened in a window of time, in figures and in at most so many snapshots. */
  stats(windowMs: number, maxSnapshots: number): object {
    const now = this.#parts.probe.now();
    const { snapshots, summary } = this.#figures(windowMs, maxSnapshots);
    const model = this.#parts.model();
    return {
      object: "stats",
      time: now / 1000,
      window_seconds: windowMs / 1000,
      uptime_seconds: (now - this.#startedAt) / 1000,
      model: model
        ? { id: model.id, kv_cache_bytes: model.kvCacheBytes, context_length: model.contextTokens }
        : null,
      energy_scope: this.#parts.probe.energy?.scope ?? null,
      places: this.#parts.load().places,
      now: snapshots.at(-1) ?? null,
      summary,
      security: this.#security.figures(),
      alerts: this.#alerts.list(),
      snapshots,
    };
  }

  #figures(windowMs: number, maxSnapshots: number): Figures {
    const key = `${windowMs} ${maxSnapshots}`;
    const figures = this.#known.get(key) ?? {
      snapshots: this.#snapshots.within(windowMs, maxSnapshots).map(toSnapshot),
      summary: summarise(this.#snapshots, windowMs),
    };
    if (this.#known.size < MAX_KNOWN) this.#known.set(key, figures);
    return figures;
  }
}

interface Figures {
  readonly snapshots: readonly Snapshot[];
  readonly summary: Summary;
}

const Query = Type.Object({
  window: Type.Optional(Type.String({ description: "such as 90s, 15m or 24h; 1h without it" })),
});
const Stats = Type.Object({ object: Type.Literal("stats") }, { additionalProperties: true });

/** `/metrics` for Prometheus, `/v1/stats` for people and pages. */
export function monitorRoutes(app: FastifyInstance, monitor: Monitor): void {
  const { registry } = monitor.metrics;
  const config = { public: true, ...OFTEN } as const;
  app.get(
    "/metrics",
    { config, schema: { summary: "Figures for Prometheus" } },
    async (_, reply) => {
      void reply.type(registry.contentType);
      return registry.metrics();
    },
  );
  const stats = {
    summary: "What happened in a window of time",
    querystring: Query,
    response: { 200: Stats, default: ErrorAnswer },
  };
  app.get<{ Querystring: { window?: string } }>(
    "/v1/stats",
    { schema: stats, config: OFTEN },
    async ({ query }) => monitor.stats(windowOf(query.window), MAX_SNAPSHOTS),
  );
  const whole = {
    summary: "Every snapshot that is kept, of a day at most",
    response: { 200: Stats, default: ErrorAnswer },
  };
  app.get("/v1/stats/export", { schema: whole, config: SELDOM }, async (_, reply) => {
    void reply.header("content-disposition", 'attachment; filename="bitnet-stats.json"');
    return monitor.stats(KEPT_MS, Number.POSITIVE_INFINITY);
  });
}

function windowOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_WINDOW_MS;
  const windowMs = parseWindow(text);
  if (windowMs !== undefined) return windowMs;
  throw new ApiError("INVALID_INPUT", "window is a time from 5s to 24h, such as 90s, 15m or 1h", {
    param: "window",
  });
}
