import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Alerts } from "../../../../src/server/monitoring/alerts.ts";
import { Metrics } from "../../../../src/server/monitoring/metrics.ts";
import { Monitor, monitorRoutes } from "../../../../src/server/monitoring/monitor.ts";
import { processProbe } from "../../../../src/server/monitoring/probe.ts";
import { post, startGuarded } from "../../../support/guarded-app.ts";

const LOAD = { active: 2, queued: 1, places: 8 };
const MODEL = { id: "demo", kvCacheBytes: 4096, contextTokens: 512 };
const energy = { scope: "package", read: () => 42 };
const sources = {
  version: "1.2.3",
  load: () => LOAD,
  model: () => MODEL,
  alerts: new Alerts([], []),
  energy,
};

/** Samples of the text format by name and labels. */
function parse(text: string): ReadonlyMap<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, name = "", value = ""] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
      return [name, Number(value)];
    }),
  );
}

describe("metrics", () => {
  it("count what the service does", async () => {
    const metrics = new Metrics(sources);
    metrics.started(100);
    metrics.firstToken(200, 30, 10);
    metrics.tokens(4, 80);
    metrics.finished({ outcome: "ok", ms: 400, promptTokens: 30, generatedTokens: 5 });
    metrics.finished({ outcome: "refused", ms: 0, promptTokens: 3, generatedTokens: 0 });
    metrics.finished({ outcome: "ok", ms: 10, promptTokens: 7, generatedTokens: 0 }); // vectors
    const samples = parse(await metrics.registry.metrics());
    const expected = {
      'bitnet_requests_total{outcome="ok"}': 2,
      'bitnet_requests_total{outcome="refused"}': 1,
      bitnet_prompt_tokens_total: 37,
      bitnet_prompt_tokens_cached_total: 10,
      bitnet_generated_tokens_total: 5,
      'bitnet_queue_wait_seconds_bucket{le="0.1"}': 1,
      bitnet_time_to_first_token_seconds_sum: 0.2,
      bitnet_inter_token_latency_seconds_count: 4,
      bitnet_inter_token_latency_seconds_sum: 0.08,
      bitnet_request_duration_seconds_count: 2,
      bitnet_requests_active: 2,
      bitnet_requests_queued: 1,
      bitnet_places: 8,
      bitnet_kv_cache_bytes: 4096,
      bitnet_energy_joules: 42,
      'bitnet_model_info{model="demo",context_tokens="512",version="1.2.3"}': 1,
      'bitnet_alerts_active{severity="critical"}': 0,
    };
    for (const [name, value] of Object.entries(expected)) {
      expect({ name, value: samples.get(name) }).toEqual({ name, value: expect.closeTo(value, 9) });
    }
    expect(samples.get("process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect(samples.get("process_cpu_seconds_total")).toBeGreaterThan(0);
  });

  it("do without a model and without a meter", async () => {
    const metrics = new Metrics({ ...sources, model: () => undefined, energy: undefined });
    const samples = parse(await metrics.registry.metrics());
    expect(samples.get("bitnet_kv_cache_bytes")).toBe(0);
    expect([...samples.keys()].join()).not.toMatch(/bitnet_model_info|bitnet_energy/);
  });
});

interface Dashboard {
  readonly templating: { readonly list: readonly { name: string; type: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly datasource: object;
    readonly gridPos: {
      readonly x: number;
      readonly y: number;
      readonly w: number;
      readonly h: number;
    };
    readonly fieldConfig: object;
    readonly options: object;
    readonly targets: readonly { readonly refId: string; readonly expr: string }[];
  }[];
}

describe("the Grafana dashboard", () => {
  const text = readFileSync("docs/grafana-dashboard.json", "utf8");
  const dashboard = JSON.parse(text) as Dashboard;

  it("names only metrics that are exported", async () => {
    const metrics = new Metrics(sources);
    const exported = new Set<string>();
    for (const { name, type } of await metrics.registry.getMetricsAsJSON()) {
      exported.add(name);
      if (String(type) === "histogram") exported.add(`${name}_bucket`);
    }
    const named = text.match(/\b(?:bitnet|process|nodejs)_\w+/g) ?? [];
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !exported.has(name))).toEqual([]);
  });

  it("shows every metric of ours", async () => {
    const metrics = new Metrics(sources);
    const ours = (await metrics.registry.getMetricsAsJSON())
      .map(({ name }) => name)
      .filter((name) => name.startsWith("bitnet_"));
    expect(ours.length).toBeGreaterThan(12);
    expect(ours.filter((name) => !text.includes(name))).toEqual([]);
  });

  it("has panels with queries and ids of their own", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { targets } of dashboard.panels) expect(targets.length).toBeGreaterThan(0);
  });

  it("has what Grafana asks of a dashboard that is imported", () => {
    const source = { type: "prometheus", uid: "$" + "{datasource}" };
    expect(dashboard).toMatchObject({
      title: expect.stringMatching(/./),
      uid: expect.stringMatching(/^[\w-]{1,40}$/),
      schemaVersion: expect.any(Number),
      version: expect.any(Number),
      time: { from: expect.stringMatching(/^now-/), to: "now" },
      annotations: { list: [] },
    });
    const variables = dashboard.templating.list.map(({ name, type }) => `${name} ${type}`);
    expect(variables).toEqual(["datasource datasource", "job query"]);
    const cells = new Set<string>();
    for (const {
      type,
      title,
      datasource,
      gridPos,
      fieldConfig,
      options,
      targets,
    } of dashboard.panels) {
      expect({ type, datasource, fieldConfig, options }).toEqual({
        type: expect.stringMatching(/^(timeseries|stat)$/),
        datasource: source,
        fieldConfig: { defaults: expect.any(Object), overrides: expect.any(Array) },
        options: expect.any(Object),
      });
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect({ title, x, isFree: !cells.has(`${x} ${y}`) && x < 24 }).toEqual({
            title,
            x,
            isFree: true,
          });
          cells.add(`${x} ${y}`);
        }
      }
      const refs = targets.map(({ refId }) => refId);
      expect(new Set(refs).size).toBe(refs.length);
      for (const target of targets) {
        expect(target).toMatchObject({
          refId: expect.stringMatching(/^[A-Z]$/),
          datasource: source,
        });
      }
    }
    // No variable stands in a query that is not chosen above it, or known to Grafana itself.
    const used = new Set(text.match(/\$\{?\w+\}?/g)?.map((name) => name.replace(/[${}]/g, "")));
    expect([...used].sort()).toEqual(["__rate_interval", "datasource", "job"]);
  });
});

describe("the monitor's routes", () => {
  const start = async () => {
    const monitor = new Monitor({
      version: "1",
      load: () => LOAD,
      model: () => MODEL,
      probe: processProbe(),
      rules: [],
      alertListeners: [],
    });
    const server = await startGuarded(
      { lengths: { maxPromptChars: 5 } },
      { listeners: monitor.listeners, add: (app) => monitorRoutes(app, monitor) },
    );
    return { monitor, server };
  };

  it("/metrics counts requests by route and status, and refusals by reason", async () => {
    const { server } = await start();
    await post(server, { prompt: "ok" });
    await post(server, { prompt: "too long" });
    await fetch(`${server.url}/nowhere/secret-path`);
    const answer = await fetch(`${server.url}/metrics`);
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await answer.text();
    const samples = parse(text);
    const route = (path: string, status: number) =>
      samples.get(`bitnet_http_requests_total{method="POST",route="${path}",status="${status}"}`);
    expect(route("/work", 200)).toBe(1);
    expect(route("/work", 400)).toBe(1);
    expect(samples.get('bitnet_http_refusals_total{reason="INVALID_INPUT"}')).toBe(1);
    expect(text).not.toContain("secret-path"); // else anyone could fill the memory with names
  });

  it("/v1/stats has the window that was asked for, /v1/stats/export everything", async () => {
    const { server, monitor } = await start();
    await post(server, { prompt: "too long" });
    for (let i = 0; i < 3; i++) monitor.observe();
    const stats = await (await fetch(`${server.url}/v1/stats?window=5m`)).json();
    expect(stats).toMatchObject({
      object: "stats",
      window_seconds: 300,
      model: { id: "demo", context_length: 512 },
      places: 8,
      now: { active: 2, queued: 1 },
      summary: { requests: { total: 0 }, energy: null },
      security: { clients: 1, requests: 1, blocked: 1, blocked_by_code: { INVALID_INPUT: 1 } },
      alerts: [],
    });
    const whole = await fetch(`${server.url}/v1/stats/export`);
    expect(whole.headers.get("content-disposition")).toContain("attachment");
    expect(((await whole.json()) as { snapshots: unknown[] }).snapshots).toHaveLength(3);
  });

  it.each(["x", "1w", "", "99h"])("/v1/stats refuses the window %j", async (window) => {
    const { server } = await start();
    const answer = await fetch(`${server.url}/v1/stats?window=${window}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: "window" } });
  });
});
