import { describe, expect, it } from "vitest";
import { LogHistogram } from "../../../../src/server/monitoring/log-histogram.ts";
import { parseWindow, summarise, toSnapshot } from "../../../../src/server/monitoring/report.ts";
import { INTERVAL_MS, KEPT_MS, Snapshots } from "../../../../src/server/monitoring/snapshots.ts";
import { seededRandom } from "../../../support/random.ts";

const MIB = 1024 * 1024;

/** A machine whose figures the test sets. */
function fake({ energy = false } = {}) {
  const machine = { now: 1_800_000_000_000, rss: 100 * MIB, cpu: 0, joules: 0 };
  const load = { active: 0, queued: 0 };
  const meter = { scope: "package", read: () => machine.joules };
  const probe = {
    now: () => machine.now,
    rssBytes: () => machine.rss,
    cpuMs: () => machine.cpu,
    cpus: 2,
    energy: energy ? meter : undefined,
  };
  const snapshots = new Snapshots(probe, () => ({ ...load }));
  const pass = () => {
    machine.now += INTERVAL_MS;
    return snapshots.take();
  };
  /** A request of 10 prompt tokens, 4 of them known, and 51 generated ones, 20 ms each. */
  const request = (ms = 1000, outcome: "ok" | "error" | "cancelled" | "refused" = "ok") => {
    snapshots.tally.started(3);
    snapshots.tally.firstToken(40, 10, 4);
    snapshots.tally.tokens(50, 1000);
    snapshots.tally.finished({ outcome, ms, promptTokens: 10, generatedTokens: 51 });
  };
  return { machine, load, snapshots, pass, request };
}

it("a snapshot tells of its interval alone", () => {
  const { machine, load, pass, request } = fake();
  request();
  request(2000, "error");
  machine.cpu += 5000;
  load.active = 3;
  load.queued = 2;
  expect(toSnapshot(pass())).toEqual({
    time: 1_800_000_005,
    rss_bytes: 100 * MIB,
    cpu_percent: 50,
    tokens_per_second: 20.4,
    active: 3,
    queued: 2,
    requests: 2,
    error_rate: 0.5,
    cache_hit_rate: 0.4,
    latency_ms: {
      request_p50: expect.closeTo(1000, -2),
      request_p95: expect.closeTo(1000, -2),
      first_token_p50: expect.closeTo(40, -0.5),
      first_token_p95: expect.closeTo(40, -0.5),
      inter_token_p50: expect.closeTo(20, -0.3),
      inter_token_p95: expect.closeTo(20, -0.3),
    },
    watts: null,
  });
  expect(toSnapshot(pass())).toMatchObject({
    tokens_per_second: 0,
    cpu_percent: 0,
    requests: 0,
    error_rate: null,
    cache_hit_rate: null,
    latency_ms: { request_p50: null, inter_token_p95: null },
  });
});

it("energy is told where a meter is", () => {
  const { machine, snapshots, pass, request } = fake({ energy: true });
  machine.joules = 60;
  request();
  expect(toSnapshot(pass()).watts).toBe(12);
  expect(summarise(snapshots, 60_000).energy).toEqual({
    joules: 60,
    watts: 12,
    joules_per_token: 1.1765,
  });
});

describe("a summary", () => {
  it("is of its window alone", () => {
    const { machine, snapshots, pass, request } = fake();
    for (let i = 0; i < 3; i++) request();
    machine.rss = 300 * MIB;
    pass();
    for (let i = 0; i < 20; i++) pass(); // 100 s
    machine.rss = 200 * MIB;
    request(500);
    request(500, "refused");
    request(500, "cancelled");
    pass();
    const minute = summarise(snapshots, 60_000);
    expect(minute.requests).toEqual({
      total: 3,
      ok: 1,
      error: 0,
      cancelled: 1,
      timeout: 0,
      refused: 1,
      per_second: 0.05,
    });
    expect(minute.error_rate).toBe(0);
    expect(minute.tokens).toEqual({
      prompt: 30,
      cached: 12,
      generated: 153,
      generated_per_second: 2.55,
    });
    expect(minute.memory.rss_bytes_max).toBe(300 * MIB);
    expect(summarise(snapshots, 3_600_000).requests.ok).toBe(4);
  });

  it("of nothing has counts of 0 and no rates", () => {
    const { snapshots } = fake();
    const summary = summarise(snapshots, 60_000);
    expect(summary.requests).toMatchObject({ total: 0, ok: 0, per_second: null });
    expect(summary.tokens).toMatchObject({ generated: 0, generated_per_second: null });
    expect(summary.memory).toEqual({ rss_bytes_mean: null, rss_bytes_max: null });
    expect(summary.latency_ms.request).toEqual({
      count: 0,
      mean: null,
      p50: null,
      p95: null,
      p99: null,
    });
    expect(JSON.stringify(summary)).not.toMatch(/NaN/);
  });
});

it("keeps a day and no more, in memory that does not grow", () => {
  const { snapshots, pass, request } = fake();
  const aDay = KEPT_MS / INTERVAL_MS;
  for (let i = 0; i < aDay + 1000; i++) {
    if (i % 12 === 0) request();
    pass();
  }
  expect(snapshots.rows.size).toBe(aDay);
  expect(summarise(snapshots, KEPT_MS).requests.ok).toBe(aDay / 12);
  const minutes = snapshots.latencies(10 * KEPT_MS).summary().request.count;
  expect(minutes).toBeLessThanOrEqual(aDay / 12 + 1);
  const shown = snapshots.within(KEPT_MS, 360);
  expect(shown.length).toBeLessThanOrEqual(360);
  expect(shown.reduce((sum, row) => sum + row.ok, 0)).toBe(aDay / 12);
  const times = shown.map((row) => row.time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

it("a histogram is at most 5 % off, in parts as in one", () => {
  const next = seededRandom(9);
  const parts = [new LogHistogram(), new LogHistogram(), new LogHistogram()];
  const values = Array.from({ length: 5000 }, () => 0.2 + (next(1_000_000) / 997) ** 2 / 100);
  for (const [i, value] of values.entries()) parts[i % 3]?.add(value);
  const all = new LogHistogram();
  for (const part of parts) all.addAll(part);
  const sorted = values.toSorted((a, b) => a - b);
  for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
    const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
    expect(Math.abs((all.percentile(share) ?? 0) / exact - 1)).toBeLessThan(0.05);
  }
  expect(all.mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 6);
  expect(new LogHistogram().percentile(0.5)).toBeNull();
});

describe("a window", () => {
  it.each([
    ["5s", 5000],
    ["90s", 90_000],
    ["15m", 900_000],
    ["24h", 86_400_000],
  ])("%s", (text, ms) => expect(parseWindow(text)).toBe(ms));

  it.each(["", "1", "1s", "25h", "0m", "-1h", "1.5h", "1d", "1h ", "99999999h"])(
    "%j is none",
    (text) => expect(parseWindow(text)).toBeUndefined(),
  );
});
