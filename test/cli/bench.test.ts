import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { findBrowser, renderedDom } from "../support/browser.ts";
import { finish, runCli, startCli } from "../support/cli.ts";
import { fakePerfDevice } from "../support/fake-perf.ts";
import { startFakePowercap } from "../support/fake-powercap.ts";
import { shapeOf } from "../support/json-shape.ts";

const folder = mkdtempSync(join(tmpdir(), "bitnet-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

/** Sizes at which a measurement takes a moment; its figures mean nothing. */
const TINY = ["-p", "8", "-n", "4", "-t", "1", "-r", "3", "--no-limits"];
/** So that a machine that has a meter gives the same. */
const NO_METER = ["--powercap", "/nonexistent", "--perf-power", "/nonexistent"];
const bench = (...args: string[]) => runCli(["bench", "-q", ...TINY, ...NO_METER, ...args]);

async function benchJson(...args: string[]) {
  const { status, stdout, stderr } = await bench("--json", ...args);
  if (status !== 0) expect.unreachable(stderr);
  return JSON.parse(stdout);
}

describe("bitnet bench", () => {
  it("prints a table, with the bundled model where none is named", async () => {
    const { status, stdout, stderr } = await runCli(["bench", ...TINY, ...NO_METER]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^no model named: using the bundled demonstration model/);
    expect(stdout).toMatch(
      /^.*logical CPUs; bitnet .*; 3 repetitions\n\nmodel +kernel +threads +test/,
    );
    expect(stdout).toMatch(/^\S+ +\w+ +1 +pp8 +[\d.]+ +[\d.]+ +[\d.]+ - [\d.]+ /m);
    expect(stdout).toMatch(/^\S+ +\w+ +1 +tg4 +[\d.]+ /m);
    expect(stdout).toMatch(/^loaded in .* ms, peak .* MiB: .*, 1 thread$/m);
    expect(stdout).toMatch(/^energy: not measured \(no \/nonexistent: .*; fix: .*\)$/m);
  });

  it("--json has the documented shape", async () => {
    const report = await benchJson("-n", "64");
    const [prompt, generate] = report.results;
    expect(shapeOf({ ...report, results: { prompt, generate } })).toMatchInlineSnapshot(`
      {
        "bitnet": "string",
        "date": "string",
        "energy": {
          "fix": "string",
          "measured": "boolean",
          "method": "null",
          "reason": "string",
        },
        "limits": [],
        "machine": {
          "cpu": "string",
          "logicalCpus": "number",
          "memoryBytes": "number",
          "node": "string",
          "platform": "string",
        },
        "models": [
          {
            "family": "string",
            "fileBytes": "number",
            "name": "string",
            "parameters": "number",
            "path": "string",
          },
        ],
        "prompts": [],
        "repetitions": "number",
        "results": {
          "generate": {
            "achieved": {
              "bytesPerSecond": "number",
              "int8Share": "null",
              "operationsPerByte": "number",
              "operationsPerSecond": "number",
              "readShare": "null",
            },
            "depth": "number",
            "energy": "null",
            "energyReason": "null",
            "firstTokenMs": "null",
            "interTokenMs": {
              "count": "number",
              "histogram": {
                "counts": [
                  "number",
                ],
                "from": "number",
                "to": "number",
              },
              "max": "number",
              "mean": "number",
              "p50": "number",
              "p95": "number",
              "p99": "number",
            },
            "kind": "string",
            "loadMs": {
              "confidence95": "null",
              "mad": "number",
              "max": "number",
              "median": "number",
              "min": "number",
              "samples": [
                "number",
              ],
            },
            "peakRssBytes": "number",
            "setup": {
              "activations": "string",
              "batchSize": "number",
              "kernel": "string",
              "kvType": "string",
              "mmap": "boolean",
              "model": "string",
              "threads": "number",
              "weights": "string",
            },
            "test": "string",
            "tokens": "number",
            "tokensPerSecond": {
              "confidence95": [
                "number",
              ],
              "mad": "number",
              "max": "number",
              "median": "number",
              "min": "number",
              "samples": [
                "number",
              ],
            },
          },
          "prompt": {
            "achieved": {
              "bytesPerSecond": "null",
              "int8Share": "null",
              "operationsPerByte": "number",
              "operationsPerSecond": "number",
              "readShare": "null",
            },
            "depth": "number",
            "energy": "null",
            "energyReason": "null",
            "firstTokenMs": {
              "confidence95": [
                "number",
              ],
              "mad": "number",
              "max": "number",
              "median": "number",
              "min": "number",
              "samples": [
                "number",
              ],
            },
            "interTokenMs": "null",
            "kind": "string",
            "loadMs": {
              "confidence95": "null",
              "mad": "number",
              "max": "number",
              "median": "number",
              "min": "number",
              "samples": [
                "number",
              ],
            },
            "peakRssBytes": "number",
            "setup": {
              "activations": "string",
              "batchSize": "number",
              "kernel": "string",
              "kvType": "string",
              "mmap": "boolean",
              "model": "string",
              "threads": "number",
              "weights": "string",
            },
            "test": "string",
            "tokens": "number",
            "tokensPerSecond": {
              "confidence95": [
                "number",
              ],
              "mad": "number",
              "max": "number",
              "median": "number",
              "min": "number",
              "samples": [
                "number",
              ],
            },
          },
        },
        "schema": "string",
      }
    `);
  });

  it("measures every combination of the lists, in turns", async () => {
    const models = ["-m", "models/demo/demo-i2_s.gguf", "-m", "test/golden/gguf/a.i2_s.gguf"];
    const report = await benchJson(
      ...models,
      "-t",
      "1-2",
      "-d",
      "0,16",
      "--kernel",
      "scalar",
      "-r",
      "1",
    );
    const rows = report.results.map((one: { test: string; setup: Record<string, unknown> }) => {
      return [one.setup["model"], one.setup["threads"], one.setup["kernel"], one.test].join(" ");
    });
    expect(rows).toHaveLength(2 * 2 * 2 * 2);
    expect(new Set(rows).size).toBe(rows.length);
    expect(rows.slice(0, 4)).toEqual([
      ...["pp8", "tg4", "pp8 @ d16", "tg4 @ d16"].map((test) => `${models[1]} 1 scalar ${test}`),
    ]);
    expect(report.models).toHaveLength(2);
  });

  it("has a row per result in CSV and NDJSON, and tables in Markdown", async () => {
    const csv = await bench("-o", "csv");
    expect(csv.stdout.trim().split("\n")).toHaveLength(3);
    const lines = (await bench("-o", "jsonl")).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).test)).toEqual(["pp8", "tg4"]);
    expect((await bench("-o", "md")).stdout).toMatch(/^\| model \| kernel \| threads \| test \|/m);
  });

  it("measures what the machine could do, and the share of it", async () => {
    const { status, stdout } = await runCli([
      ...["bench", "-q", "--json", "-p", "8", "-n", "4", "-t", "1", "-r", "1"],
    ]);
    expect(status).toBe(0);
    const { limits, results } = JSON.parse(stdout);
    expect(limits).toHaveLength(1);
    expect(limits[0].readBytesPerSecond).toBeGreaterThan(1e8);
    expect(results[1].achieved.readShare).toBeCloseTo(
      results[1].achieved.bytesPerSecond / limits[0].readBytesPerSecond,
      10,
    );
  });

  it("the settings of -t count as lists of one", async () => {
    const args = ["bench", "-q", "--json", "-p", "8", "-n", "0", "-r", "1", "--no-limits"];
    const { stdout } = await runCli(args, { env: { BITNET_THREADS: "2", BITNET_KV_TYPE: "bf16" } });
    expect(JSON.parse(stdout).results[0].setup).toMatchObject({ threads: 2, kvType: "bf16" });
  });
});

describe("bitnet bench refuses", () => {
  it.each([
    [["-p", "0", "-n", "0"], 2, "nothing to measure: --n-prompt and --n-gen are both 0"],
    [["-p", "8-4"], 2, /^error: --n-prompt expects numbers of at least 0 or ranges, such as/],
    [["--kernel", "mmx"], 2, '--kernel: "mmx" does not run here'],
    [["-d", "100000"], 2, /^error: pp8 @ d100000 needs 100008 positions: the model was made for/],
    [["-m", "/nonexistent.gguf"], 3, /^error: .*nonexistent/],
    [["--compare", "/nonexistent.json"], 3, "/nonexistent.json cannot be read (ENOENT)"],
    [["--compare", "package.json"], 2, "package.json is not a report of bitnet bench"],
    [["--prompts", "/nonexistent.txt"], 3, /^error: cannot read \/nonexistent.txt: no such file/],
  ])("%j", async (args, status, message) => {
    const result = await bench(...args);
    expect(result.status).toBe(status);
    expect(result.stdout).toBe("");
    expect(result.stderr).toMatch(message);
  });
});

it("Ctrl-C ends it, and its measuring process", async () => {
  const child = startCli(["bench", "-p", "64", "-n", "64", "-r", "1000", "-v", "--no-limits"]);
  const ended = finish(child);
  await new Promise<void>((resolve) => child.stderr?.once("data", () => resolve()));
  await sleep(500);
  child.kill("SIGINT");
  const { status, stdout } = await ended;
  expect({ status, stdout }).toEqual({ status: 130, stdout: "" });
});

describe("--save and --compare", () => {
  it("finds no regression beside itself within wide noise", async () => {
    const saved = at("old.json");
    await bench("--save", saved);
    const { status, stdout } = await bench("--compare", saved, "--noise", "99");
    expect(status).toBe(0);
    expect(stdout).toContain(`compared with ${saved}:`);
    expect(stdout.match(/within noise/g)).toHaveLength(2);
  });

  it("exits with 1 where the old report was faster", async () => {
    const saved = at("faster.json");
    await bench("--save", saved);
    const old = JSON.parse(readFileSync(saved, "utf8"));
    for (const { tokensPerSecond } of old.results) {
      tokensPerSecond.samples = tokensPerSecond.samples.map((rate: number) => rate * 100);
    }
    writeFileSync(saved, JSON.stringify(old));
    const table = await bench("--compare", saved);
    expect(table.status).toBe(1);
    expect(table.stdout.match(/WORSE/g)).toHaveLength(2);
    const { status, stdout } = await bench("--compare", saved, "--json");
    expect(status).toBe(1);
    expect(JSON.parse(stdout).comparison.regressed).toBe(true);
  });
});

it("--html writes a page that a browser shows", async () => {
  const page = at("report.html");
  expect((await bench("-n", "64", "--html", page)).status).toBe(0);
  const browser = findBrowser();
  if (browser === undefined) {
    console.log("skipped: rendering the page (no chromium or chrome on the PATH)");
    expect(readFileSync(page, "utf8")).toContain("</html>");
    return;
  }
  const dom = await renderedDom(browser, page);
  expect(dom).toMatch(/<h1>bitnet bench: .+<\/h1>/);
  expect(dom.match(/<svg/g)).toHaveLength(3); // prompt, generation, time between tokens
});

describe("--prompts", () => {
  it("answers a list and counts what succeeds", async () => {
    const list = at("prompts.txt");
    writeFileSync(list, `Once upon a time\n\n{"prompt": "A cat"}\n${"long ".repeat(2000)}\n`);
    const args = ["bench", "-q", "--prompts", list, "-n", "4", "-r", "2", "-t", "1", "--no-limits"];
    const { results, prompts } = JSON.parse((await runCli([...args, "--json"])).stdout);
    expect(results).toEqual([]);
    expect(prompts).toMatchObject([
      { prompt: "Once upon a time", runs: 2, succeeded: 2, means: { generatedTokens: 4 } },
      { prompt: "A cat", successRate: 1 },
      { successRate: 0, means: null, errors: [expect.stringContaining("context")] },
    ]);
    const { stdout } = await runCli(args);
    expect(stdout).toContain("4 of 6 runs succeeded (67 %)");
  });
});

describe("energy", () => {
  it("comes from counters, wraps and all, and leaves the idle machine out of net", async () => {
    using meter = startFakePowercap(at("powercap"), 20);
    const args = ["-p", "64", "-n", "64", "-r", "40", "--powercap", meter.root];
    const { energy, results } = await benchJson(...args);
    expect(energy).toMatchObject({ method: "rapl-powercap", scope: "package", measured: true });
    // 20 W, as far as a busy machine wakes the writer in time.
    expect(energy.idleWatts).toBeGreaterThan(10);
    expect(energy.idleWatts).toBeLessThan(30);
    const measured = results.filter((one: { energy: unknown }) => one.energy !== null);
    for (const { energy: one } of measured) {
      expect(one).toMatchObject({ method: "rapl-powercap", estimate: false });
      expect(one.watts).toBeGreaterThan(5);
      expect(one.watts).toBeLessThan(60);
    }
    for (const { energy: one, energyReason } of results) {
      if (one === null) expect(energyReason).toMatch(/^too short: 0\.\d\d s in all repetitions/);
    }
  });

  it("comes from perf events where they are permitted", async (test) => {
    const root = fakePerfDevice(at("power"), 20);
    const args = ["-p", "0", "-n", "64", "-r", "40", "--perf-power", root];
    const { energy, results } = await benchJson(...args);
    if (energy.method === null) {
      expect(energy.reason).toMatch(/not permitted|cannot be opened/);
      test.skip("perf events are not permitted here");
    }
    expect(energy).toMatchObject({ method: "rapl-perf", scope: "package", measured: true });
    // The kernel's clock counts them: 20 W exactly.
    expect(energy.idleWatts).toBeCloseTo(20, 0);
    const [{ energy: one, energyReason }] = results;
    if (one === null) expect(energyReason).toMatch(/^too short: 0\.\d\d s in all repetitions/);
    else expect(one).toMatchObject({ method: "rapl-perf", watts: expect.closeTo(20, 0) });
  });

  it("is not made up from counters that stand still", async () => {
    const { energy } = await benchJson("-p", "0", "--perf-power", fakePerfDevice(at("still"), 0));
    expect(energy).toMatchObject({ measured: false, method: null });
    expect(energy.reason).toMatch(/stand still|not permitted|cannot be opened/);
  });

  it("is an estimate, marked and never compared, with --assume-watts", async () => {
    const saved = at("estimate.json");
    const args = ["--assume-watts", "15", "-p", "400", "-n", "100", "-r", "40"];
    const first = await bench(...args, "--save", saved);
    expect(first.stdout).toContain(
      "energy: ~estimate from 15 W that the user assumed, not measured",
    );
    const report = JSON.parse(readFileSync(saved, "utf8"));
    expect(report.energy).toMatchObject({
      method: "estimate(user-watts)",
      measured: false,
      assumedWatts: 15,
    });
    for (const { energy } of report.results) {
      if (energy === null) continue;
      expect(energy.estimate).toBe(true);
      expect(energy.watts).toBeCloseTo(15, 9);
    }
    const { stdout } = await bench(...args, "--compare", saved);
    expect(stdout).not.toContain("J/token  0");
    expect(stdout.match(/ tok\/s /g)?.length).toBeGreaterThanOrEqual(2);
  });
});
