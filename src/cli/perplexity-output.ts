import type { Comparison } from "../scoring/compare.ts";
import type { Perplexity, ScoredText } from "../scoring/perplexity.ts";
import { formatTable } from "../ui/table.ts";

/** What `perplexity` prints without --json. */
export function describePerplexity(result: (Perplexity & ScoredText) | Comparison): string[] {
  const { scored, chunks, ctxSize, stride } = result;
  const windows = `${chunks} windows of ${ctxSize}${stride === null ? "" : `, ${stride} apart`}`;
  const rows = [
    ["perplexity", estimate(result)],
    ["scored", `${scored} tokens in ${windows}`],
  ];
  return formatTable("divergence" in result ? [...rows, ...compared(result)] : rows, { indent: 0 });
}

function compared({ other, divergence }: Comparison): string[][] {
  const { klMean, klStandardError, klMax, top1Agreement, maxProbabilityShift } = divergence;
  return [
    ["compared", estimate(other)],
    [
      "KL divergence",
      `${short(klMean)} +/- ${short(klStandardError)} nats, at most ${short(klMax)}`,
    ],
    ["same top token", `${(top1Agreement * 100).toFixed(2)} %`],
    ["largest shift", `${short(maxProbabilityShift)} of a probability`],
  ];
}

function estimate({ perplexity, standardError }: Perplexity): string {
  return `${perplexity.toFixed(4)} +/- ${standardError.toFixed(4)}`;
}

function short(value: number): string {
  return value === 0 ? "0" : value.toPrecision(4);
}
