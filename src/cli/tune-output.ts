import { threadsText } from "../bench/report/columns.ts";
import type { SearchResult, Stage } from "../bench/tune/search.ts";
import type { Choice } from "../bench/tune/space.ts";
import { formatRate } from "../ui/format.ts";
import { formatTable } from "../ui/table.ts";

const NAMES: Readonly<Record<keyof Choice, string>> = {
  kernel: "kernel target",
  threads: "threads",
  batchSize: "batch size",
};

/** All values of one setting that were tried, and those that were not. */
export function describeStage({ setting, trials, untried, chosen }: Stage): readonly string[] {
  const head = [NAMES[setting], "prompt tok/s", "generated tok/s", ""];
  const rows = trials.map(({ choice, promptTokensPerSecond, generatedTokensPerSecond }) => [
    String(choice[setting]),
    formatRate(promptTokensPerSecond),
    formatRate(generatedTokensPerSecond),
    choice[setting] === chosen[setting] ? "chosen" : "",
  ]);
  const table = formatTable([head, ...rows], { indent: 0, header: true });
  return untried.length === 0 ? table : [...table, `not tried: ${untried.join(", ")}`];
}

/** What came out, and how sure that is. */
export function describeOutcome(
  { best, gain, tuned }: SearchResult,
  file: string,
): readonly string[] {
  if (gain === null) return ["the defaults are the fastest here: nothing to remember"];
  const { turn, confidence95, prompt, generation } = gain;
  const times =
    `${turn.toFixed(2)} times as fast as the defaults in a typical turn ` +
    `(95 %: ${confidence95.map((bound) => bound.toFixed(2)).join(" - ")}; ` +
    `prompt ${prompt.toFixed(2)}, generation ${generation.toFixed(2)})`;
  if (tuned === undefined) {
    return [
      `the best found, ${describeChoice(best)}, is ${times}`,
      "that is within noise: the defaults stay",
    ];
  }
  return [`${describeChoice(best)}: ${times}`, `remembered in ${file}`];
}

function describeChoice({ threads, batchSize, kernel }: Choice): string {
  return `${threadsText(threads)}, batches of ${batchSize}, kernel target ${kernel}`;
}
