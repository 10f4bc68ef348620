import { digits, modelName, threadsText } from "../columns.ts";
import type { BenchReport, BenchResult } from "../document.ts";
import { histogramChart } from "./histogram.ts";
import { lineChart, type Series } from "./lines.ts";
import { rooflineChart } from "./roofline.ts";

const MAX_HISTOGRAMS = 6;
const SHORT_NAMES = { prompt: "Prompt", generate: "Generation" } as const;

/** Every chart that the report has the figures for. */
export function chartsOf(report: BenchReport): readonly string[] {
  return [
    ...throughputBy(report, "threads", ({ setup }) => setup.threads, ["depth"]),
    ...throughputBy(report, "depth", ({ depth }) => depth, ["threads"]),
    ...latencyCharts(report),
    ...rooflines(report),
  ];
}

/** Prompt and generation apart, a line for everything else that differs. */
function throughputBy(
  report: BenchReport,
  what: "threads" | "depth",
  xOf: (result: BenchResult) => number,
  others: readonly ("threads" | "depth")[],
): readonly string[] {
  return (["prompt", "generate"] as const).flatMap((kind) => {
    const results = report.results.filter((result) => result.kind === kind);
    // Depths that were not varied have nothing to show; threads always say how fast it was.
    if (results.length === 0 || (what === "depth" && new Set(results.map(xOf)).size < 2)) return [];
    const lines = new Map<string, BenchResult[]>();
    const name = namer(report, results, what, others);
    for (const result of results) {
      lines.set(name(result), [...(lines.get(name(result)) ?? []), result]);
    }
    const series: Series[] = [...lines].map(([line, all]) => ({
      name: line,
      points: all.map((result) => {
        const { median, confidence95 } = result.tokensPerSecond;
        const [low, high] = confidence95 ?? [median, median];
        return { x: xOf(result), y: median, low, high };
      }),
    }));
    const axis = what === "threads" ? "threads" : "tokens in the context before";
    const heading = `${SHORT_NAMES[kind]} throughput by ${what}`;
    return lineChart(heading, series, { x: axis, y: "tokens per second" });
  });
}

/** Names a result by what tells it from the others, beside the x axis. */
function namer(
  report: BenchReport,
  results: readonly BenchResult[],
  axis: "threads" | "depth",
  others: readonly ("threads" | "depth")[],
): (result: BenchResult) => string {
  const parts: readonly ((result: BenchResult) => string)[] = [
    ({ setup }) => modelName(report.models, setup.model),
    ({ setup }) => setup.kernel,
    ({ setup }) => `KV ${setup.kvType}`,
    ({ setup }) => `${setup.weights} weights`,
    ({ setup }) => `batch ${setup.batchSize}`,
    ...others.map((other) => (result: BenchResult) => {
      return other === "depth" ? `depth ${result.depth}` : threadsText(result.setup.threads);
    }),
    axis === "depth"
      ? ({ kind, tokens }) => `${kind === "prompt" ? "pp" : "tg"}${tokens}`
      : tokensOf,
  ];
  const telling = parts.filter((part) => new Set(results.map(part)).size > 1);
  const shown = telling.length > 0 ? telling : parts.slice(0, 2);
  return (result) => shown.map((part) => part(result)).join(", ");
}

function tokensOf({ kind, tokens }: BenchResult): string {
  return `${kind === "prompt" ? "pp" : "tg"}${tokens}`;
}

function latencyCharts(report: BenchReport): readonly string[] {
  return report.results
    .flatMap((result) => {
      const { interTokenMs: latency, test, setup } = result;
      if (latency === null) return [];
      const model = report.models.length > 1 ? `${modelName(report.models, setup.model)}, ` : "";
      const where = `${model}${setup.kernel}, ${threadsText(setup.threads)}`;
      return histogramChart(`Time between tokens: ${test}, ${where}`, latency);
    })
    .slice(0, MAX_HISTOGRAMS);
}

function rooflines(report: BenchReport): readonly string[] {
  return report.limits.flatMap((limits) => {
    const { kernel, threads } = limits;
    const points = report.results
      .filter(({ setup }) => setup.kernel === kernel && setup.threads === threads)
      .map((result) => {
        const { operationsPerByte, operationsPerSecond } = result.achieved;
        const model =
          report.models.length > 1 ? `${modelName(report.models, result.setup.model)} ` : "";
        return { name: `${model}${result.test}`, operationsPerByte, operationsPerSecond };
      });
    if (points.length === 0) return [];
    return rooflineChart(`Roofline: ${kernel}, ${threadsText(threads)}`, limits, points);
  });
}

/** The figures that a reader looks for first. */
export function headlines(report: BenchReport): readonly (readonly [string, string])[] {
  const best = (kind: BenchResult["kind"]) =>
    report.results
      .filter((result) => result.kind === kind)
      .toSorted((a, b) => b.tokensPerSecond.median - a.tokensPerSecond.median)[0];
  const [prompt, generation] = [best("prompt"), best("generate")];
  const loaded = generation ?? prompt;
  return [
    ...(generation ? [tile(generation, "generated tokens")] : []),
    ...(prompt ? [tile(prompt, "prompt tokens")] : []),
    ...(prompt?.firstTokenMs
      ? [
          [
            `${digits(prompt.firstTokenMs.median)} ms`,
            `to the first token, ${prompt.test}`,
          ] as const,
        ]
      : []),
    ...(loaded
      ? [
          [
            `${digits(loaded.peakRssBytes / 2 ** 20)} MiB`,
            `peak memory, ${threadsText(loaded.setup.threads)}`,
          ] as const,
        ]
      : []),
  ];
}

function tile({ tokensPerSecond, test, setup }: BenchResult, what: string) {
  const where = `${what} per second: ${test}, ${threadsText(setup.threads)}`;
  return [`${digits(tokensPerSecond.median)}`, where] as const;
}
