import type { BenchReport, BenchResult } from "./document.ts";

/** A column of the table that people read. */
interface Column {
  readonly head: string;
  readonly cell: (result: BenchResult, report: BenchReport) => string;
  /** Shown only where its cells differ, as everything else is said once. */
  readonly ifVaried?: true;
  /** Shown only where a cell holds something. */
  readonly ifAny?: true;
}

const COLUMNS: readonly Column[] = [
  { head: "model", cell: ({ setup }, { models }) => modelName(models, setup.model) },
  { head: "kernel", cell: ({ setup }) => setup.kernel },
  { head: "threads", cell: ({ setup }) => String(setup.threads) },
  { head: "batch", cell: ({ setup }) => String(setup.batchSize), ifVaried: true },
  { head: "KV", cell: ({ setup }) => setup.kvType, ifVaried: true },
  { head: "weights", cell: ({ setup }) => setup.weights, ifVaried: true },
  { head: "test", cell: ({ test }) => test },
  { head: "tok/s", cell: ({ tokensPerSecond }) => digits(tokensPerSecond.median) },
  { head: "MAD", cell: ({ tokensPerSecond }) => digits(tokensPerSecond.mad) },
  { head: "95 % interval", cell: ({ tokensPerSecond }) => interval(tokensPerSecond), ifAny: true },
  {
    head: "TTFT ms",
    cell: ({ firstTokenMs }) => (firstTokenMs ? digits(firstTokenMs.median) : ""),
    ifAny: true,
  },
  { head: "ITL p50", cell: ({ interTokenMs: at }) => (at ? digits(at.p50) : ""), ifAny: true },
  { head: "p95", cell: ({ interTokenMs: at }) => (at ? digits(at.p95) : ""), ifAny: true },
  { head: "p99 ms", cell: ({ interTokenMs: at }) => (at ? digits(at.p99) : ""), ifAny: true },
  { head: "GB/s", cell: ({ achieved }) => giga(achieved.bytesPerSecond), ifAny: true },
  { head: "of read", cell: ({ achieved }) => percent(achieved.readShare), ifAny: true },
  { head: "GOP/s", cell: ({ achieved }) => giga(achieved.operationsPerSecond) },
  { head: "of int8", cell: ({ achieved }) => percent(achieved.int8Share), ifAny: true },
  {
    head: "J/token",
    cell: ({ energy }) =>
      energy ? `${energy.estimate ? "~" : ""}${digits(energy.joulesPerToken.median)}` : "",
    ifAny: true,
  },
  {
    head: "net",
    cell: ({ energy }) =>
      energy?.netJoulesPerToken != null
        ? `${energy.estimate ? "~" : ""}${digits(energy.netJoulesPerToken)}`
        : "",
    ifAny: true,
  },
];

/** Cells of the results, the first row names the columns. */
export function resultRows(report: BenchReport): readonly (readonly string[])[] {
  const { results } = report;
  const columns = COLUMNS.map(({ head, cell, ifVaried, ifAny }) => {
    const cells = results.map((result) => cell(result, report));
    const shown =
      (!ifVaried || new Set(cells).size > 1) && (!ifAny || cells.some((text) => text !== ""));
    return { head, cells, shown };
  }).filter(({ shown }) => shown);
  return [
    columns.map(({ head }) => head),
    ...results.map((_, i) => columns.map(({ cells }) => cells[i] ?? "")),
  ];
}

/** The model's own name, with its file's where two models have the same. */
export function modelName(models: BenchReport["models"], path: string): string {
  const model = models.find((one) => one.path === path);
  if (model === undefined) return path;
  const namesakes = models.filter(({ name }) => name === model.name).length;
  return namesakes > 1 ? (path.split(/[\\/]/).at(-1) ?? path) : model.name;
}

export function threadsText(threads: number): string {
  return threads === 1 ? "1 thread" : `${threads} threads`;
}

/** Three significant digits, or whole numbers above. */
export function digits(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 100) return value.toFixed(0);
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return value
    .toPrecision(3)
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
}

function interval({ confidence95 }: BenchResult["tokensPerSecond"]): string {
  return confidence95 === null ? "" : confidence95.map(digits).join(" - ");
}

export function giga(value: number | null): string {
  return value === null ? "" : digits(value / 1e9);
}

export function percent(share: number | null): string {
  return share === null ? "" : `${(100 * share).toFixed(0)} %`;
}
