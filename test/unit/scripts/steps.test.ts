import { describe, expect, it } from "vitest";
import { importScript } from "../../support/run-script.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}
interface Step {
  name: string;
  commands: () => string[][];
  after?: string[];
  alone?: boolean;
  missing?: () => string | undefined;
  count?: (output: string) => Counts | undefined;
}
const { runSteps } = await importScript<{
  runSteps(steps: Step[], options: { cwd: string; print(line: string): void }): Promise<boolean>;
}>("lib/steps.mjs");
const { lastLineCounts, vitestCounts, formatCounts } = await importScript<{
  lastLineCounts(output: string): Counts | undefined;
  vitestCounts(json: string): Counts;
  formatCounts(counts: Counts): string;
}>("lib/counts.mjs");

const prints =
  (text: string, status = 0) =>
  () => [
    [process.execPath, "-e", `console.log(${JSON.stringify(text)}); process.exitCode = ${status}`],
  ];

async function run(steps: Step[]): Promise<{ ok: boolean; lines: string[] }> {
  const lines: string[] = [];
  const print = (line: string) => lines.push(line.replace(/ +\d+\.\d s/, "").trimEnd());
  const ok = await runSteps(steps, { cwd: process.cwd(), print });
  return { ok, lines };
}

describe("steps", () => {
  it("sums the tests of all steps in the last line", async () => {
    const { ok, lines } = await run([
      { name: "a", commands: prints("x\n3 passed, 0 failed, 1 skipped"), count: lastLineCounts },
      { name: "b", commands: prints("no tests in a check"), after: ["a"] },
      { name: "c", commands: prints("4 passed, 0 failed"), count: lastLineCounts, after: ["b"] },
    ]);
    expect(lines).toEqual([
      "ok    a  3 passed, 0 failed, 1 skipped",
      "ok    b",
      "ok    c  4 passed, 0 failed",
      "7 passed, 0 failed, 1 skipped",
    ]);
    expect(ok).toBe(true);
  });

  it("stops at a failure, shows its output and names what was not run", async () => {
    const { ok, lines } = await run([
      { name: "a", commands: prints("what went wrong", 1), alone: true },
      { name: "b", commands: prints("never") },
      { name: "c", commands: prints("never") },
    ]);
    expect(lines).toEqual(["FAIL  a", "what went wrong", "not run: b, c", "0 passed, 1 failed"]);
    expect(ok).toBe(false);
  });

  it.each([
    ["fails without a failed test", "5 passed, 0 failed", 1, "5 passed, 1 failed"],
    ["says that a test failed", "5 passed, 2 failed", 0, "5 passed, 2 failed"],
    ["counts nothing", "0 passed, 0 failed", 0, "0 passed, 1 failed"],
    ["dies before its last line", "half way", 0, "0 passed, 1 failed"],
  ])("counts as failed when it %s", async (_, text, status, sum) => {
    const { ok, lines } = await run([
      { name: "a", commands: prints(text, status), count: lastLineCounts },
    ]);
    expect(lines.at(-1)).toBe(sum);
    expect(ok).toBe(false);
  });

  it("names what is skipped and why, and counts it", async () => {
    const { ok, lines } = await run([
      { name: "a", commands: prints("never", 1), missing: () => "no such tool" },
      {
        name: "b",
        commands: prints("skipped: amx (CPU)\n1 passed, 0 failed, 1 skipped"),
        count: lastLineCounts,
        after: ["a"],
      },
    ]);
    expect(lines).toEqual([
      "skipped: a (no such tool)",
      "ok    b  1 passed, 0 failed, 1 skipped",
      "      skipped: amx (CPU)",
      "1 passed, 0 failed, 2 skipped",
    ]);
    expect(ok).toBe(true);
  });

  it("reports a program that is not there", async () => {
    const { ok, lines } = await run([{ name: "a", commands: () => [["no-such-program"]] }]);
    expect(lines[1]).toContain("no-such-program");
    expect(ok).toBe(false);
  });
});

describe("counts", () => {
  it.each([
    ["log\n12 passed, 3 failed\n", { passed: 12, failed: 3, skipped: 0 }],
    ["1 passed, 0 failed, 7 skipped", { passed: 1, failed: 0, skipped: 7 }],
    ["1 passed, 0 failed\nSegmentation fault", undefined],
    ["", undefined],
  ])("reads the last line of %j", (output, counts) => {
    expect(lastLineCounts(output)).toEqual(counts);
  });

  it("writes what it reads", () => {
    const counts = { passed: 3, failed: 2, skipped: 1 };
    expect(lastLineCounts(formatCounts(counts))).toEqual(counts);
  });

  it("reads a report of vitest", () => {
    const report = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1 };
    expect(vitestCounts(JSON.stringify(report))).toEqual({ passed: 5, failed: 1, skipped: 3 });
  });
});
