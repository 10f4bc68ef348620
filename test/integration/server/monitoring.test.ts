import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { openMonitor } from "../../../src/cli/serve/monitoring.ts";
import { Backend } from "../../../src/server/backend.ts";
import { parseAlertRule } from "../../../src/server/monitoring/alert-rules.ts";
import type { Alert } from "../../../src/server/monitoring/alerts.ts";
import { detectTerminal } from "../../../src/ui/terminal.ts";
import { Ui } from "../../../src/ui/ui.ts";
import { startFakePowercap } from "../../support/fake-powercap.ts";
import { FakeStream } from "../../support/fake-stream.ts";
import { post, startServer, until, withoutEnd } from "../../support/server.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** Where alerts are posted to: it refuses the first attempt. */
async function startReceiver() {
  const got: Alert[] = [];
  let attempts = 0;
  const refuse = (response: ServerResponse) => void response.writeHead(500).end("not now");
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    attempts += 1;
    if (attempts === 1) return refuse(response);
    got.push((JSON.parse(body) as { alert: Alert }).alert);
    return response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return { url, got, attempts: () => attempts };
}

const RULES = ["queue>0:critical", "errors>5", "latency>0.01", "speed<1000000000", "memory>1"];

/** The monitor of a server with these rules; `stderr` is what the operator reads.
 *    powercap  where an energy meter is */
function watch(alertWebhook?: string, powercap = "/nonexistent") {
  const stderr = new FakeStream(false);
  const terminal = detectTerminal(stderr, {});
  const stop = new AbortController();
  const backend = new Backend();
  const alert = RULES.flatMap((text) => parseAlertRule(text) ?? []);
  const options = {
    parallel: 1,
    alert,
    alertWebhook,
    powercap,
    perfPower: "/none",
  };
  const ui = new Ui(stderr.asWriteStream(), terminal, "info");
  const monitor = openMonitor({ ui, signal: stop.signal }, options, backend);
  monitor.close(); // snapshots are taken by hand
  onTestFinished(() => {
    stop.abort();
    monitor[Symbol.dispose]();
  });
  return { monitor, backend, stderr };
}

it("alerts of real traffic are told once and once more when they are over, by log and webhook", async () => {
  const receiver = await startReceiver();
  const { monitor, backend, stderr } = watch(receiver.url);
  await using server = await startServer({
    places: 1,
    timeoutMs: 400,
    watchers: monitor.watchers,
    parts: { monitor },
  });
  backend.serve(server.serving);
  const { service } = server.serving;
  const ask = (more: object) =>
    post(`${server.url}/v1/completions`, { prompt: "Once", temperature: 0, ...more });
  const prompt = Array(8).fill("Once");
  const endless = { prompt, n: 16, max_tokens: 500, logit_bias: withoutEnd(server) };
  for (let round = 0; round < 4; round++) {
    await ask({ max_tokens: 2 });
    const late = [ask(endless), ask(endless), ask(endless)];
    await until(() => service.state().queued === 2);
    monitor.observe();
    await Promise.all(late);
  }
  const raised = () => stderr.text.trimEnd().split("\n");
  expect(raised().toSorted()).toEqual([
    expect.stringMatching(/^error: queue is 2 requests, above 0$/),
    expect.stringMatching(/^warning: errors is [\d.]+ %, above 5$/),
    expect.stringMatching(/^warning: latency \(p95\) is [\d.]+ ms, above 0.01$/),
    expect.stringMatching(/^warning: memory is [\d.]+ MiB, above 1$/),
    expect.stringMatching(/^warning: speed is [\d.]+ tokens\/s, below 1000000000$/),
  ]);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/^bitnet_alerts_active\{severity="warning"\} 4$/m);
  expect(metrics).toMatch(/^bitnet_alerts_active\{severity="critical"\} 1$/m);

  for (let i = 0; i < 4; i++) monitor.observe(); // nobody asks any more
  const over = raised().slice(RULES.length);
  expect(over).toHaveLength(4);
  for (const line of over) expect(line).toMatch(/^no longer so: (queue|errors|latency|speed)/);
  const stats = await (await fetch(`${server.url}/v1/stats?window=1m`)).json();
  const { alerts } = stats as { alerts: readonly Alert[] };
  expect(alerts.filter(({ recovered }) => recovered === null)).toMatchObject([
    { rule: "memory>1" },
  ]);
  await until(() => receiver.got.length === RULES.length + over.length);
  expect(receiver.attempts()).toBe(RULES.length + over.length + 1);
  const told = receiver.got.map(({ id, recovered }) => `${id} ${recovered === null}`);
  expect(new Set(told).size).toBe(told.length);
  expect(told.slice(0, RULES.length)).toEqual([1, 2, 3, 4, 5].map((id) => `${id} true`));
});

/** Labels of every series that a server exports, by name. */
function seriesOf(exposition: string): ReadonlyMap<string, ReadonlySet<string>> {
  const series = new Map<string, ReadonlySet<string>>();
  for (const line of exposition.split("\n")) {
    const [, name, labels = ""] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name !== undefined) series.set(name, new Set(labels.match(/\w+(?==")/g)));
  }
  return series;
}

interface Panel {
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

/** What Prometheus itself adds to every series. */
const ADDED = ["job", "instance"];

it("every query of the Grafana dashboard finds what a live server exports", async () => {
  const folder = tempDir();
  using powercap = startFakePowercap(folder, 10);
  const { monitor, backend } = watch(undefined, powercap.root);
  const { listeners, watchers } = monitor;
  await using server = await startServer({ watchers, parts: { monitor, listeners } });
  backend.serve(server.serving);
  const ask = (more: object) => post(`${server.url}/v1/completions`, { prompt: "Once", ...more });
  expect((await ask({ max_tokens: 8, stream: true })).status).toBe(200);
  expect((await ask({ max_tokens: "many" })).status).toBe(400);
  const series = seriesOf(await (await fetch(`${server.url}/metrics`)).text());
  const { panels } = JSON.parse(readFileSync("docs/grafana-dashboard.json", "utf8")) as {
    readonly panels: readonly Panel[];
  };
  const queries = panels.flatMap(({ targets }) => targets);
  expect(queries.length).toBeGreaterThan(20);
  for (const { expr, legendFormat } of queries) {
    const used = [...expr.matchAll(/\b((?:bitnet|process|nodejs)_\w+)\{([^}]*)\}/g)];
    expect(used.length, expr).toBeGreaterThan(0);
    const [grouped] = [...expr.matchAll(/\bby \(([^)]*)\)/g)].map(([, names = ""]) =>
      names.split(", "),
    );
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = ""]) => name);
    for (const [, name = "", selector = ""] of used) {
      const labels = [...(series.get(name) ?? []), ...ADDED];
      expect([...series.keys()]).toContain(name);
      const wanted = [...(selector.match(/\w+(?=\s*[=!]~?")/g) ?? []), ...(grouped ?? [])];
      expect(labels).toEqual(expect.arrayContaining(wanted));
      expect(grouped ?? labels).toEqual(expect.arrayContaining(shown));
    }
  }
});
