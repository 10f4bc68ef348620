import { resultRows } from "./columns.ts";
import type { BenchReport } from "./document.ts";
import { headingOf, notesOf } from "./notes.ts";
import { promptRows } from "./prompts.ts";

/** Markdown: heading, tables, notes. */
export function markdownReport(report: BenchReport): string {
  const tables = [resultRows(report), promptRows(report)].filter((rows) => rows.length > 1);
  const notes = notesOf(report).map((note) => `- ${note}`);
  return [headingOf(report), ...tables.map(markdownTable), notes.join("\n")].join("\n\n");
}

function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...body.map(line)].join("\n");
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** One flat record per result, for spreadsheets and scripts. */
export function flatResults(report: BenchReport): readonly Readonly<Record<string, Flat>>[] {
  const { machine, bitnet, date, models } = report;
  return report.results.map(({ setup, tokensPerSecond: rate, achieved, energy, ...result }) => ({
    date,
    bitnet,
    cpu: machine.cpu,
    model: models.find(({ path }) => path === setup.model)?.name ?? null,
    model_path: setup.model,
    kernel: setup.kernel,
    threads: setup.threads,
    batch_size: setup.batchSize,
    kv_type: setup.kvType,
    weights: setup.weights,
    mmap: setup.mmap,
    test: result.test,
    n_prompt: result.kind === "prompt" ? result.tokens : 0,
    n_gen: result.kind === "generate" ? result.tokens : 0,
    n_depth: result.depth,
    repetitions: rate.samples.length,
    tokens_per_second: rate.median,
    mad: rate.mad,
    low_95: rate.confidence95?.[0] ?? null,
    high_95: rate.confidence95?.[1] ?? null,
    first_token_ms: result.firstTokenMs?.median ?? null,
    inter_token_p50_ms: result.interTokenMs?.p50 ?? null,
    inter_token_p95_ms: result.interTokenMs?.p95 ?? null,
    inter_token_p99_ms: result.interTokenMs?.p99 ?? null,
    load_ms: result.loadMs.median,
    peak_rss_bytes: result.peakRssBytes,
    bytes_per_second: achieved.bytesPerSecond,
    read_share: achieved.readShare,
    operations_per_second: achieved.operationsPerSecond,
    int8_share: achieved.int8Share,
    energy_method: energy?.method ?? null,
    energy_is_estimate: energy?.estimate ?? null,
    joules_per_token: energy?.joulesPerToken.median ?? null,
    net_joules_per_token: energy?.netJoulesPerToken ?? null,
  }));
}

type Flat = string | number | boolean | null;

/** RFC 4180; an empty field is null. */
export function csvReport(report: BenchReport): string {
  const rows = flatResults(report);
  const head = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => head.map((key) => csvField(row[key] ?? null)).join(","));
  return [head.join(","), ...lines].join("\n");
}

function csvField(value: Flat): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
