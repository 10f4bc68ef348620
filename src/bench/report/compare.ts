import { UsageError } from "../../errors.ts";
import { median, ratio } from "../stats.ts";
import { type BenchReport, type BenchResult, SCHEMA } from "./document.ts";

/** A result beside the same one of an older report. */
export interface Change {
  readonly test: string;
  readonly model: string;
  readonly kernel: string;
  readonly threads: number;
  readonly metric: "tok/s" | "J/token";
  readonly before: number;
  readonly now: number;
  /** How many times as good as before: above 1 is better, for energy too. */
  readonly gain: number;
  /** Where that lies with 95 % confidence; null with too few repetitions on either side. */
  readonly confidence95: readonly [number, number] | null;
  readonly verdict: "better" | "worse" | "same" | "unknown";
}

export interface ReportComparison {
  readonly changes: readonly Change[];
  /** Results that the older report does not have. */
  readonly unmatched: number;
  /** What makes the two reports hard to compare, one clause each. */
  readonly warnings: readonly string[];
  readonly regressed: boolean;
}

/** Compares what both reports measured. A change counts when its 95 % interval leaves `noise` (a
 *  share) on one side; between two runs of a machine that much may change by itself. */
export function compareReports(
  now: BenchReport,
  before: BenchReport,
  noise: number,
): ReportComparison {
  const old = new Map(before.results.map((result) => [keyOf(before, result), result]));
  const pairs = now.results.map((result) => [result, old.get(keyOf(now, result))] as const);
  const changes = pairs.flatMap(([result, older]) =>
    older ? changesOf(now, result, older, noise) : [],
  );
  return {
    changes,
    unmatched: pairs.filter(([, older]) => older === undefined).length,
    warnings: warningsOf(now, before),
    regressed: changes.some(({ verdict }) => verdict === "worse"),
  };
}

/** The same model by its name and size, wherever its file lies. */
function keyOf({ models }: BenchReport, { setup, test }: BenchResult): string {
  const { model: path, ...rest } = setup;
  const model = models.find((one) => one.path === path);
  return JSON.stringify([model?.name, model?.parameters, model?.fileBytes, rest, test]);
}

function changesOf(
  report: BenchReport,
  now: BenchResult,
  before: BenchResult,
  noise: number,
): readonly Change[] {
  const model = report.models.find(({ path }) => path === now.setup.model)?.name ?? "";
  const { kernel, threads } = now.setup;
  const what = { test: now.test, model, kernel, threads };
  const speed = judge(now.tokensPerSecond.samples, before.tokensPerSecond.samples, noise);
  const changes: Change[] = [{ ...what, metric: "tok/s", ...speed }];
  const [a, b] = [now.energy, before.energy];
  // Estimates are the user's assumption, times the speed.
  if (a && b && !a.estimate && !b.estimate && a.method === b.method && a.scope === b.scope) {
    const energy = judge(a.joulesPerToken.samples, b.joulesPerToken.samples, noise, true);
    changes.push({ ...what, metric: "J/token", ...energy });
  }
  return changes;
}

type Judgement = Omit<Change, "test" | "model" | "kernel" | "threads" | "metric">;

function judge(
  now: readonly number[],
  before: readonly number[],
  noise: number,
  lessIsBetter = false,
): Judgement {
  const found = lessIsBetter ? ratio(before, now) : ratio(now, before);
  const [middleNow, middleBefore] = [median(now), median(before)];
  const gain = lessIsBetter ? middleBefore / middleNow : middleNow / middleBefore;
  const values = { before: middleBefore, now: middleNow, gain };
  if (found === undefined) return { ...values, confidence95: null, verdict: "unknown" };
  const [low, high] = found.confidence95;
  const verdict = high < 1 - noise ? "worse" : low > 1 + noise ? "better" : "same";
  return { ...values, confidence95: found.confidence95, verdict };
}

function warningsOf(now: BenchReport, before: BenchReport): readonly string[] {
  const [a, b] = [now.machine, before.machine];
  const pairs = [
    ["CPU", a.cpu, b.cpu],
    ["number of CPUs", a.logicalCpus, b.logicalCpus],
    ["platform", a.platform, b.platform],
  ] as const;
  return pairs
    .filter(([, is, was]) => is !== was)
    .map(([what, is, was]) => `another ${what}: ${is}, then ${was}`);
}

/** Reads a report that `--save` or `--json` wrote.
 *  @throws {UsageError} something else */
export function parseReport(text: string, path: string): BenchReport {
  let value: Partial<BenchReport> | null = null;
  try {
    value = JSON.parse(text) as Partial<BenchReport> | null;
  } catch {
    // Told below, with what was expected.
  }
  if (value?.schema === SCHEMA && Array.isArray(value.results)) return value as BenchReport;
  throw new UsageError(`${path} is not a report of bitnet bench`, {
    hint: "write one: bitnet bench --save FILE",
  });
}
