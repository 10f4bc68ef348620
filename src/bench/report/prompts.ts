import { digits, threadsText } from "./columns.ts";
import type { BenchReport } from "./document.ts";

const SHOWN_CHARACTERS = 40;

/** Cells of the prompts; the first row names the columns. Empty without prompts. */
export function promptRows({ prompts }: BenchReport): readonly (readonly string[])[] {
  if (prompts.length === 0) return [];
  const severalSetups = new Set(prompts.map(({ setup }) => JSON.stringify(setup))).size > 1;
  const head = ["prompt", "success", "tokens in", "out", "TTFT ms", "in tok/s", "out tok/s"];
  const rows = prompts.map(({ prompt, setup, succeeded, runs, means }) => [
    ...(severalSetups ? [`${setup.kernel}, ${threadsText(setup.threads)}`] : []),
    shorten(prompt),
    `${succeeded} of ${runs}`,
    means ? digits(means.promptTokens) : "",
    means ? digits(means.generatedTokens) : "",
    means ? digits(means.firstTokenMs) : "",
    means ? digits(means.promptTokensPerSecond) : "",
    means?.generatedTokensPerSecond ? digits(means.generatedTokensPerSecond) : "",
  ]);
  return [[...(severalSetups ? ["setup"] : []), ...head], ...rows];
}

/** The totals of a list: `12 of 12 runs succeeded (100 %)`. */
export function promptSummary({ prompts }: BenchReport): string | undefined {
  const runs = prompts.reduce((sum, one) => sum + one.runs, 0);
  if (runs === 0) return undefined;
  const succeeded = prompts.reduce((sum, one) => sum + one.succeeded, 0);
  return `${succeeded} of ${runs} runs succeeded (${((100 * succeeded) / runs).toFixed(0)} %)`;
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS - 1)}\u2026` : line;
}
