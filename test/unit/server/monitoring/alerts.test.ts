import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseAlertRule } from "../../../../src/server/monitoring/alert-rules.ts";
import { type Alert, Alerts } from "../../../../src/server/monitoring/alerts.ts";
import { COLUMN_NAMES, type Row } from "../../../../src/server/monitoring/columns.ts";
import { Webhook, type WebhookOptions } from "../../../../src/server/monitoring/webhook.ts";

const MIB = 1024 * 1024;
const HOUR = 3600;

function setUp(...rules: readonly string[]) {
  const told: Alert[] = [];
  const parsed = rules.map((text) => {
    const rule = parseAlertRule(text);
    if (!rule) throw new Error(`not a rule: ${text}`);
    return rule;
  });
  const alerts = new Alerts(parsed, [(alert) => told.push(alert)]);
  let time = 0;
  const none = Object.fromEntries(COLUMN_NAMES.map((name) => [name, 0])) as Row;
  const pass = (row: Partial<Row>, seconds = 5) => {
    time += seconds;
    alerts.check({ ...none, seconds: 5, time, ...row });
  };
  return { alerts, told, pass };
}

describe("alerts", () => {
  it("are raised once by three snapshots in a row, and are over once, by three", () => {
    const { alerts, told, pass } = setUp("memory>1024");
    const high = { rss_bytes: 1100 * MIB };
    const low = { rss_bytes: 900 * MIB };
    for (const row of [high, high, low, high, high]) pass(row);
    expect(told).toEqual([]);
    for (let i = 0; i < 10; i++) pass(high);
    expect(told).toEqual([
      {
        id: 1,
        rule: "memory>1024",
        metric: "memory",
        severity: "warning",
        threshold: 1024,
        value: 1100,
        message: "memory is 1100 MiB, above 1024",
        started: 30,
        recovered: null,
      },
    ]);
    expect(alerts.active("warning")).toBe(1);
    for (const row of [low, low, high, low, low, low, low]) pass(row);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({ id: 1, recovered: 105 });
    expect(alerts.active("warning")).toBe(0);
    expect(alerts.list()).toEqual([told[1]]);
  });

  it.each([
    ["cpu>80:critical", { cpu_percent: 81 }, { cpu_percent: 80 }],
    ["speed<5:critical", { generated_tokens: 24 }, { generated_tokens: 0 }],
    ["errors>5:critical", { ok: 9, error: 1 }, {}],
    ["latency>5000:critical", { request_p95: 5001 }, { request_p95: Number.NaN }],
    ["queue>10:critical", { queued: 11 }, { queued: 10 }],
  ])("%s", (rule, bad, good) => {
    const { alerts, told, pass } = setUp(rule);
    for (let i = 0; i < 3; i++) pass(good);
    expect(told).toEqual([]);
    for (let i = 0; i < 3; i++) pass(bad);
    expect(told).toMatchObject([{ rule, severity: "critical" }]);
    expect(alerts.active("critical")).toBe(1);
    for (let i = 0; i < 3; i++) pass(good); // an idle server has recovered
    expect(alerts.active("critical")).toBe(0);
  });

  it("are kept for six hours after they are over, and as long as they last", () => {
    const { alerts, pass } = setUp("queue>1", "memory>1");
    for (let i = 0; i < 3; i++) pass({ queued: 2, rss_bytes: 2 * MIB });
    for (let i = 0; i < 3; i++) pass({ rss_bytes: 2 * MIB });
    pass({ rss_bytes: 2 * MIB }, 5 * HOUR);
    expect(alerts.list()).toHaveLength(2);
    pass({ rss_bytes: 2 * MIB }, 2 * HOUR);
    expect(alerts.list()).toMatchObject([{ metric: "memory", recovered: null }]);
  });

  it.each([
    "",
    "memory",
    "memory<5",
    "speed>5",
    "toString>1",
    "cpu>x",
    "cpu>80:bad",
    "cpu>-1",
    "CPU>80",
  ])("%j is no rule", (text) => expect(parseAlertRule(text)).toBeUndefined());
});

const ALERT: Alert = {
  id: 1,
  rule: "cpu>80",
  metric: "cpu",
  severity: "warning",
  threshold: 80,
  value: 90,
  message: "CPU is 90 %, above 80",
  started: 1,
  recovered: null,
};

/** A receiver that treats its requests as it is told, one after the other; the last way is for the
 *  rest. */
async function receiver(...ways: readonly ((response: ServerResponse) => void)[]) {
  const got: unknown[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const way = ways[Math.min(got.length, ways.length - 1)];
    let body = "";
    request.on("data", (data) => (body += data));
    request.on("end", () => {
      got.push(JSON.parse(body));
      way?.(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hidden`;
  return { url, got };
}

const answer = (status: number) => (response: ServerResponse) => {
  response.writeHead(status, { location: "/elsewhere" }).end("x");
};
const hang = () => undefined;
const cut = (response: ServerResponse) => response.destroy();

function webhook(options: Partial<WebhookOptions> & { readonly url: string }) {
  const failures: string[] = [];
  const hook = new Webhook({
    onFailure: (message) => failures.push(message),
    timeoutMs: 200,
    pausesMs: [1, 1],
    signal: new AbortController().signal,
    ...options,
  });
  return { hook, failures };
}

describe("the webhook", () => {
  it("posts alerts in their order", async () => {
    const { url, got } = await receiver(answer(204));
    const { hook, failures } = webhook({ url });
    for (const id of [1, 2, 3]) hook.listener({ ...ALERT, id });
    await hook.idle();
    expect(got).toEqual(
      [1, 2, 3].map((id) => ({ source: "bitnet serve", alert: { ...ALERT, id } })),
    );
    expect(failures).toEqual([]);
  });

  it.each([
    ["fails", answer(500)],
    ["hangs", hang],
    ["cuts the connection", cut],
    ["sends elsewhere", answer(302)],
  ])("tries again when the receiver %s", async (_, way) => {
    const { url, got } = await receiver(way, way, answer(200));
    const { hook, failures } = webhook({ url });
    hook.listener(ALERT);
    await hook.idle();
    expect(got).toHaveLength(3);
    expect(failures).toEqual([]);
  });

  it.each([
    ["status 500", answer(500)],
    ["no answer after 0.2 s", hang],
  ])(
    "gives up after the last attempt, says why (%s) and goes on with the next",
    async (why, way) => {
      const { url, got } = await receiver(way, way, way, answer(200));
      const { hook, failures } = webhook({ url });
      hook.listener(ALERT);
      hook.listener({ ...ALERT, id: 2 });
      await hook.idle();
      expect(failures).toEqual([`the webhook did not take alert 1: ${why}`]);
      expect(got).toHaveLength(4);
      expect(failures.join()).not.toContain("hidden");
    },
  );

  it("gives up on a receiver that hangs, whatever is collected meanwhile", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const { url } = await receiver(hang);
    const { hook, failures } = webhook({ url, pausesMs: [] });
    hook.listener(ALERT);
    const timer = setInterval(collect, 20);
    await hook.idle();
    clearInterval(timer);
    expect(failures).toEqual(["the webhook did not take alert 1: no answer after 0.2 s"]);
  });

  it("never has more than a hundred waiting", async () => {
    const { url, got } = await receiver(hang);
    const stop = new AbortController();
    const { hook, failures } = webhook({ url, signal: stop.signal, timeoutMs: 60_000 });
    for (let id = 1; id <= 103; id++) hook.listener({ ...ALERT, id });
    expect(failures).toHaveLength(2);
    stop.abort();
    await hook.idle();
    expect(got.length).toBeLessThanOrEqual(1);
  });

  it("ends with the server, whatever it waits for", async () => {
    const { url } = await receiver(answer(500));
    const stop = new AbortController();
    const { hook, failures } = webhook({ url, signal: stop.signal, pausesMs: [600_000] });
    hook.listener(ALERT);
    setTimeout(() => stop.abort(), 50);
    await hook.idle();
    expect(failures).toEqual([]);
  });
});
