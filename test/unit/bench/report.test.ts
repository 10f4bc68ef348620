import { describe, expect, it } from "vitest";
import { accountEnergy } from "../../../src/bench/energy/account.ts";
import { digits, resultRows } from "../../../src/bench/report/columns.ts";
import { compareReports, parseReport } from "../../../src/bench/report/compare.ts";
import type { BenchReport, BenchResult } from "../../../src/bench/report/document.ts";
import { notesOf } from "../../../src/bench/report/notes.ts";
import { promptRows, promptSummary } from "../../../src/bench/report/prompts.ts";
import { csvReport, flatResults, markdownReport } from "../../../src/bench/report/text.ts";
import { estimate } from "../../../src/bench/stats.ts";
import { benchReport, benchResult, promptBenchResult, SETUP } from "../../support/bench-report.ts";

const rateOf = (...samples: number[]) => benchResult({ tokensPerSecond: estimate(samples) });
const reportOf = (...results: BenchResult[]): BenchReport => benchReport({ results });

function energyOf(joules: number, assumedWatts: number | null = null): BenchResult {
  const samples = [1, 1.01, 0.99].map((wobble) => {
    return { seconds: 2, tokens: 100, joules: joules * wobble };
  });
  const method = assumedWatts === null ? "rapl-powercap" : "estimate(user-watts)";
  const energy = accountEnergy(samples, { method, scope: "package", idleWatts: 5, assumedWatts });
  if ("reason" in energy) throw new Error(energy.reason);
  return benchResult({ energy });
}

describe("the table", () => {
  it("shows what differs, and leaves out what nobody measured", () => {
    const [head] = resultRows(benchReport());
    expect(head).toEqual([
      ...["model", "kernel", "threads", "test", "tok/s", "MAD", "95 % interval", "TTFT ms"],
      ...["ITL p50", "p95", "p99 ms", "GB/s", "of read", "GOP/s", "of int8"],
    ]);
    const batches = [benchResult(), benchResult({ setup: { ...SETUP, batchSize: 64 } })];
    expect(resultRows(reportOf(...batches))[0]).toContain("batch");
  });

  it("marks estimates in every cell", () => {
    const [head = [], row = []] = resultRows(reportOf(energyOf(50, 20)));
    expect(row[head.indexOf("J/token")]).toBe("~0.4");
    const [, measured = []] = resultRows(reportOf(energyOf(50)));
    expect(measured[head.indexOf("J/token")]).toBe("0.5");
  });

  it("names files where two models have one name", () => {
    const [model] = benchReport().models;
    if (model === undefined) return expect.unreachable();
    const other = { ...model, path: "/models/other.gguf" };
    const rows = resultRows(benchReport({ models: [model, other] }));
    expect(rows[1]?.[0]).toBe("2b.gguf");
  });
});

it("digits are three, or whole numbers", () => {
  expect([0, 0.01234, 1.5, 12.34, 1234.5].map(digits)).toEqual([
    ...["0", "0.0123", "1.5", "12.3", "1235"],
  ]);
});

describe("notes", () => {
  it("say limits, memory and why no energy", () => {
    expect(notesOf(benchReport())).toEqual([
      "limit: avx2, 2 threads: reads 40.0 GB/s, int8 900 GOP/s",
      "loaded in 850 ms, peak 968 MiB: 2B4T, avx2, 2 threads",
      "energy: not measured (no meter; fix: buy one)",
    ]);
  });

  it("say which tests were too short for the meter", () => {
    const basis = { method: "rapl-powercap", scope: "package", idleWatts: 7, assumedWatts: null };
    const report = benchReport({
      energy: { ...basis, method: "rapl-powercap", measured: true, note: null },
      results: [benchResult({ energyReason: "too short: 0.5 s" })],
    });
    expect(notesOf(report).slice(-2)).toEqual([
      "energy: rapl-powercap, package, idle 7 W (net is without it); a model's counter, not a reading at the wall",
      "energy of tg128: not measured (too short: 0.5 s)",
    ]);
  });
});

describe("compareReports", () => {
  const BEFORE = reportOf(rateOf(40, 40.2, 39.8, 40.1, 39.9));
  const verdictOf = (now: BenchReport, before = BEFORE, noise = 0.03) => {
    const { changes, regressed } = compareReports(now, before, noise);
    return { verdicts: changes.map(({ metric, verdict }) => `${metric} ${verdict}`), regressed };
  };

  it.each([
    [[36, 36.1, 35.9, 36.2, 35.8], "worse", true],
    [[39, 39.1, 38.9, 39.2, 38.8], "same", false], // 2.5 %: noise between runs
    [[30, 40, 50, 36, 44], "same", false], // scatters
    [[44, 44.1, 43.9, 44.2, 43.8], "better", false],
    [[20, 20], "unknown", false],
  ])("%j is %s", (samples, verdict, regressed) => {
    expect(verdictOf(reportOf(rateOf(...samples)))).toEqual({
      verdicts: [`tok/s ${verdict}`],
      regressed,
    });
  });

  it("takes more energy for a token as worse", () => {
    const [before, now] = [reportOf(energyOf(50)), reportOf(energyOf(60))];
    expect(verdictOf(now, before)).toEqual({
      verdicts: ["tok/s same", "J/token worse"],
      regressed: true,
    });
    expect(verdictOf(before, now).verdicts).toEqual(["tok/s same", "J/token better"]);
  });

  it("never compares estimates", () => {
    const [before, now] = [reportOf(energyOf(50, 20)), reportOf(energyOf(50, 40))];
    expect(verdictOf(now, before)).toEqual({ verdicts: ["tok/s same"], regressed: false });
  });

  it("compares like with like", () => {
    const elsewhere = benchResult({ setup: { ...SETUP, threads: 4 } });
    expect(compareReports(reportOf(elsewhere), BEFORE, 0)).toMatchObject({
      changes: [],
      unmatched: 1,
    });
    const moved = { ...SETUP, model: "/elsewhere/2b.gguf" };
    const [model] = BEFORE.models;
    const report = benchReport({
      models: model ? [{ ...model, path: moved.model }] : [],
      results: [benchResult({ setup: moved })],
      machine: { ...BEFORE.machine, cpu: "Another CPU" },
    });
    expect(compareReports(report, BEFORE, 0)).toMatchObject({
      unmatched: 0,
      warnings: ["another CPU: Another CPU, then A CPU"],
    });
  });

  it("reads what it wrote and refuses the rest", () => {
    expect(parseReport(JSON.stringify(BEFORE), "old.json")).toEqual(BEFORE);
    for (const text of ["", "{}", "null", "[1]"]) {
      expect(() => parseReport(text, "old.json")).toThrow("old.json is not a report");
    }
  });
});

describe("formats", () => {
  it("CSV has a row per result and quotes what needs it", () => {
    const models = benchReport().models.map((model) => ({ ...model, name: 'a "b", c' }));
    const lines = csvReport(benchReport({ models })).split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain('"a ""b"", c"');
    expect(lines[0]?.split(",")).toEqual(Object.keys(flatResults(benchReport())[0] ?? {}));
  });

  it("Markdown is tables", () => {
    const text = markdownReport(benchReport());
    expect(text).toMatch(/^\| model \| kernel \|/m);
    expect(text).toMatch(/^\| 2B4T \| avx2 \| 2 \| pp512 \| 151 \|/m);
    expect(text).toContain("- energy: not measured");
  });

  it("prompts have their own table and a total", () => {
    const means = {
      ...{ promptTokens: 5, generatedTokens: 16, firstTokenMs: 80, promptTokensPerSecond: 60 },
      ...{ generatedTokensPerSecond: 40, totalMs: 500 },
    };
    const good = { prompt: "Hi\nthere", setup: SETUP, runs: 3, succeeded: 3, successRate: 1 };
    const report = benchReport({
      prompts: [
        { ...good, errors: [], means },
        { ...good, prompt: "x".repeat(99), succeeded: 0, errors: ["no"], means: null },
      ],
    });
    const rows = promptRows(report);
    expect(rows[1]).toEqual(["Hi there", "3 of 3", "5", "16.0", "80.0", "60.0", "40.0"]);
    expect(rows[2]?.[0]).toHaveLength(40);
    expect(promptSummary(report)).toBe("3 of 6 runs succeeded (50 %)");
    expect(promptSummary(reportOf(promptBenchResult()))).toBeUndefined();
  });
});
