// Rates measured in passes, and when two of them may be compared.

/**
 * @typedef {object} Summary
 * @property {number} median
 * @property {number} min
 * @property {number} max
 */

/**
 * @param {readonly number[]} samples not empty
 * @returns {Summary}
 */
export function summarise(samples) {
  if (samples.length === 0) throw new Error("nothing was measured");
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? Number.NaN) : upper;
  return {
    median: (lower + upper) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/**
 * How many times as fast the first is as the second; nothing when the passes of either scatter more
 * than the two differ, or when there is but one pass, whose scatter nobody knows.
 * @param {readonly number[]} ours
 * @param {readonly number[]} theirs
 * @returns {number | undefined}
 */
export function ratioOf(ours, theirs) {
  if (ours.length < 2 || theirs.length < 2) return undefined;
  const [a, b] = [summarise(ours), summarise(theirs)];
  const scatter = Math.max(a.max - a.min, b.max - b.min);
  return scatter < Math.abs(a.median - b.median) ? a.median / b.median : undefined;
}

/**
 * @typedef {object} Rates tokens per second, each where it was measured
 * @property {number} [prompt]
 * @property {number} [gen]
 */

/**
 * Reads what llama-bench and its kin print for `-o json` or `-o jsonl`, and `bitnet bench -o jsonl`.
 * @param {string} output
 * @param {{ nPrompt: number, nGen: number }} wanted
 * @returns {{ rates: Rates, row: Record<string, unknown> }} `row` is the last one, for versions
 */
export function parseBench(output, { nPrompt, nGen }) {
  const rows = parseRows(output);
  const row = rows.at(-1);
  if (row === undefined) throw new Error("the output holds no measurement");
  /** @type {Rates} */
  const rates = {};
  for (const { n_prompt, n_gen, avg_ts, tokens_per_second: rate = avg_ts } of rows) {
    if (typeof rate !== "number" || !(rate > 0)) continue;
    // Rows of a generation at a depth carry that depth, in one field or another.
    if (n_gen === 0 && n_prompt === nPrompt && nPrompt > 0) rates.prompt = rate;
    if (n_gen === nGen && nGen > 0) rates.gen = rate;
  }
  return { rates, row };
}

/** @param {string} output @returns {Record<string, unknown>[]} */
function parseRows(output) {
  const begin = output.search(/^\s*[[{]/m);
  if (begin < 0) return [];
  const text = output.slice(begin).trim();
  if (text.startsWith("[")) return JSON.parse(text.slice(0, text.lastIndexOf("]") + 1));
  const lines = text.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line));
}
