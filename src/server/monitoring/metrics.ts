import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { OnRequestEnd } from "../guards/record.ts";
import type { RequestEnd, ServiceWatcher } from "../watcher.ts";
import type { Alerts } from "./alerts.ts";
import type { Energy } from "./probe.ts";
import type { Load } from "./snapshots.ts";

/** What is read when somebody scrapes. */
export interface MetricSources {
  readonly version: string;
  readonly load: () => Load & { readonly places: number };
  /** Undefined while the model is loading. */
  readonly model: () => ModelFigures | undefined;
  readonly alerts: Alerts;
  readonly energy: Energy | undefined;
}

export interface ModelFigures {
  readonly id: string;
  readonly kvCacheBytes: number;
  readonly contextTokens: number;
}

/** Every look at the event loop wakes the main thread, which takes a core from the engine. */
const LAG_EVERY_MS = 100;
const LONG_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const SHORT_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5];

/** The figures of one server, for Prometheus. */
export class Metrics implements ServiceWatcher {
  readonly registry = new Registry();
  /** To be told of the end of every HTTP request. */
  readonly listener: OnRequestEnd;
  readonly #ended: Counter<"outcome">;
  readonly #prompt: Counter;
  readonly #cached: Counter;
  readonly #generated: Counter;
  readonly #wait: Histogram;
  readonly #firstToken: Histogram;
  readonly #interToken: Histogram;
  readonly #duration: Histogram;

  constructor(sources: MetricSources) {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: LAG_EVERY_MS });
    this.#ended = this.#counter("requests_total", "Generations that ended", ["outcome"]);
    this.#prompt = this.#counter("prompt_tokens_total", "Tokens of prompts");
    this.#cached = this.#counter(
      "prompt_tokens_cached_total",
      "Tokens of prompts that an earlier request had evaluated",
    );
    this.#generated = this.#counter("generated_tokens_total", "Tokens generated");
    this.#wait = this.#histogram("queue_wait_seconds", "From arrival to a place", LONG_SECONDS);
    this.#firstToken = this.#histogram(
      "time_to_first_token_seconds",
      "From the place to the first token",
      LONG_SECONDS,
    );
    this.#interToken = this.#histogram(
      "inter_token_latency_seconds",
      "From token to token",
      SHORT_SECONDS,
    );
    this.#duration = this.#histogram(
      "request_duration_seconds",
      "From arrival to the end of a generation that was completed",
      LONG_SECONDS,
    );
    this.listener = this.#http();
    this.#gauges(sources);
  }

  started(waitedMs: number): void {
    this.#wait.observe(waitedMs / 1000);
  }

  firstToken(ms: number, promptTokens: number, cachedTokens: number): void {
    this.#firstToken.observe(ms / 1000);
    this.#prompt.inc(promptTokens);
    this.#cached.inc(cachedTokens);
    this.#generated.inc();
  }

  tokens(count: number, sinceLastMs: number): void {
    for (let i = 0; i < count; i++) this.#interToken.observe(sinceLastMs / count / 1000);
    this.#generated.inc(count);
  }

  finished({ outcome, ms, promptTokens, generatedTokens }: RequestEnd): void {
    this.#ended.inc({ outcome });
    if (outcome !== "ok") return;
    this.#duration.observe(ms / 1000);
    if (generatedTokens === 0) this.#prompt.inc(promptTokens); // there was no first token to tell them
  }

  #http(): OnRequestEnd {
    const labels = ["method", "route", "status"] as const;
    const requests = this.#counter("http_requests_total", "HTTP requests that ended", labels);
    const refusals = this.#counter(
      "http_refusals_total",
      "HTTP requests that ended with an error, by its error_code",
      ["reason"],
    );
    return ({ method }, record, { route = "none", status }) => {
      requests.inc({ method, route, status });
      if (record.errorKind) refusals.inc({ reason: record.errorKind });
    };
  }

  #gauges({ version, load, model, alerts, energy }: MetricSources): void {
    this.#gauge("requests_active", "Generations under way", () => load().active);
    this.#gauge("requests_queued", "Requests that wait for a place", () => load().queued);
    this.#gauge("places", "Requests that can generate at once", () => load().places);
    this.#gauge("kv_cache_bytes", "Memory of the KV cache", () => model()?.kvCacheBytes ?? 0);
    if (energy) {
      this.#gauge("energy_joules", "Energy that the machine took since the start", energy.read);
    }
    const registers = [this.registry];
    new Gauge({
      name: "bitnet_alerts_active",
      help: "Alerts that last",
      labelNames: ["severity"],
      registers,
      collect() {
        for (const severity of ["warning", "critical"] as const) {
          this.set({ severity }, alerts.active(severity));
        }
      },
    });
    new Gauge({
      name: "bitnet_model_info",
      help: "The model that is served; the value is 1",
      labelNames: ["model", "context_tokens", "version"],
      registers,
      collect() {
        const figures = model();
        if (!figures) return;
        this.set({ model: figures.id, context_tokens: figures.contextTokens, version }, 1);
      },
    });
  }

  #counter<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> {
    const registers = [this.registry];
    return new Counter({ name: `bitnet_${name}`, help, labelNames: [...labelNames], registers });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `bitnet_${name}`, help, buckets, registers: [this.registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `bitnet_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}
