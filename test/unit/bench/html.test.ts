import { describe, expect, it } from "vitest";
import { htmlReport } from "../../../src/bench/report/html.ts";
import { niceTicks, tickLabel } from "../../../src/bench/report/page/svg.ts";
import { estimate } from "../../../src/bench/stats.ts";
import { benchReport, benchResult, promptBenchResult, SETUP } from "../../support/bench-report.ts";

const SWEEP = benchReport({
  results: [1, 2, 4].flatMap((threads) =>
    [0, 1024].flatMap((depth) => {
      const where = { setup: { ...SETUP, threads }, depth };
      const name = depth === 0 ? "" : ` @ d${depth}`;
      const speed = estimate([1, 1.02, 0.98, 1.01].map((wobble) => wobble * threads * 20));
      return [
        promptBenchResult({ ...where, test: `pp512${name}` }),
        benchResult({ ...where, test: `tg128${name}`, tokensPerSecond: speed }),
      ];
    }),
  ),
});

const countOf = (text: string, part: string) => text.split(part).length - 1;

describe("htmlReport", () => {
  it("has the charts that the figures allow", () => {
    const page = htmlReport(SWEEP);
    expect(countOf(page, "throughput by threads</figcaption>")).toBe(2);
    expect(countOf(page, "throughput by depth</figcaption>")).toBe(2);
    expect(countOf(page, "<figcaption>Time between tokens")).toBe(6);
    expect(countOf(page, "<figcaption>Roofline: avx2, 2 threads")).toBe(1);
    const one = htmlReport(benchReport());
    expect(one).not.toContain("throughput by depth");
    expect(htmlReport(benchReport({ limits: [] }))).not.toContain("Roofline");
  });

  it("is complete in itself", () => {
    const page = htmlReport(SWEEP);
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:|src=/);
    expect(page).toContain("prefers-color-scheme: dark");
    expect(page).not.toMatch(/NaN|Infinity|undefined|null/);
  });

  it("takes names as text", () => {
    const [model] = benchReport().models;
    if (model === undefined) return expect.unreachable();
    const name = `<b onload="x">&'`;
    const page = htmlReport(benchReport({ models: [{ ...model, name }] }));
    expect(page).not.toContain("<b onload");
    expect(page).toContain("&lt;b onload=&quot;x&quot;&gt;&amp;&#39;");
  });

  it("survives a single repetition and a report without tests", () => {
    const single = benchResult({ tokensPerSecond: estimate([40]) });
    expect(htmlReport(benchReport({ results: [single] }))).not.toMatch(/NaN|Infinity/);
    expect(htmlReport(benchReport({ results: [] }))).not.toMatch(/NaN|Infinity/);
  });
});

it("ticks are round numbers", () => {
  expect(niceTicks(0, 100)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(niceTicks(3, 11)).toEqual([4, 6, 8, 10]);
  expect([0.05, 42, 1200, 12_000, 2_500_000].map(tickLabel)).toEqual([
    ...["0.05", "42", "1200", "12k", "2.5M"],
  ]);
});
