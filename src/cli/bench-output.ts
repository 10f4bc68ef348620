import { resultRows } from "../bench/report/columns.ts";
import type { Change, ReportComparison } from "../bench/report/compare.ts";
import type { BenchReport } from "../bench/report/document.ts";
import { headingOf, notesOf } from "../bench/report/notes.ts";
import { promptRows, promptSummary } from "../bench/report/prompts.ts";
import { csvReport, flatResults, markdownReport } from "../bench/report/text.ts";
import type { Output } from "../ui/output.ts";
import { formatTable } from "../ui/table.ts";

export type BenchFormat = "table" | "md" | "csv" | "json" | "jsonl";

/** Writes a report to standard output. */
export async function printReport(
  out: Output,
  report: BenchReport,
  format: BenchFormat,
  comparison: ReportComparison | undefined,
): Promise<void> {
  switch (format) {
    case "json":
      return out.json(comparison ? { ...report, comparison } : report);
    case "jsonl":
      for (const result of flatResults(report)) await out.event(result);
      return;
    case "csv":
      return out.line(csvReport(report));
    case "md":
      return out.line(markdownReport(report));
    case "table":
      return printTables(out, report);
    default:
      format satisfies never;
  }
}

async function printTables(out: Output, report: BenchReport): Promise<void> {
  await out.title(headingOf(report));
  await printTable(out, resultRows(report));
  await printTable(out, promptRows(report));
  const summary = promptSummary(report);
  if (summary !== undefined) await out.line(summary);
  for (const note of notesOf(report)) await out.line(note);
}

async function printTable(out: Output, rows: readonly (readonly string[])[]): Promise<void> {
  if (rows.length < 2) return;
  await out.line();
  for (const line of formatTable(rows, { indent: 0, header: true })) await out.line(line);
  await out.line();
}

const VERDICTS: Readonly<Record<Change["verdict"], string>> = {
  better: "better",
  worse: "WORSE",
  same: "within noise",
  unknown: "too few repetitions",
};

/** The comparison as lines for people. */
export function describeComparison(comparison: ReportComparison, path: string): readonly string[] {
  const { changes, unmatched, warnings } = comparison;
  const head = [
    "model",
    "kernel",
    "threads",
    "test",
    "metric",
    "before",
    "now",
    "gain",
    "95 %",
    "",
  ];
  const rows = changes.map((change) => [
    change.model,
    change.kernel,
    String(change.threads),
    change.test,
    change.metric,
    change.before.toPrecision(4),
    change.now.toPrecision(4),
    change.gain.toFixed(3),
    change.confidence95?.map((bound) => bound.toFixed(3)).join(" - ") ?? "",
    VERDICTS[change.verdict],
  ]);
  return [
    `compared with ${path}:`,
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(rows.length > 0 ? formatTable([head, ...rows], { indent: 0, header: true }) : []),
    ...(unmatched > 0 ? [`${unmatched} results have no counterpart there`] : []),
  ];
}
