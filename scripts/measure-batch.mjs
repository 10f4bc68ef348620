// What answering requests side by side gains: `bitnet run --batch` with different --parallel, in turns.
//   node scripts/measure-batch.mjs [-m MODEL] [--parallel 1,2,4,8] [--requests 32] [-n 64] [-t THREADS]
//     [-r 3]
// Requests are stories with different beginnings and seeds. The time is that of all answers, without
// loading. Fails when an answer depends on what ran beside it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { summarise } from "./lib/rates.mjs";
import { formatTable } from "./lib/table.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m", default: path("../models/demo/demo-i2_s.gguf") },
    parallel: { type: "string", default: "1,2,4,8" },
    requests: { type: "string", default: "32" },
    "n-gen": { type: "string", short: "n", default: "64" },
    threads: { type: "string", short: "t" },
    repetitions: { type: "string", short: "r", default: "3" },
  },
});

const BEGINNINGS = ["Once upon a time", "The old dog", "In a small town by the sea", "Anna said:"];
const folder = mkdtempSync(join(tmpdir(), "measure-batch-"));
const batch = join(folder, "requests.jsonl");
const requests = Array.from({ length: Number(values.requests) }, (_, i) => {
  return { id: i, prompt: BEGINNINGS[i % BEGINNINGS.length], seed: i };
});
writeFileSync(batch, requests.map((one) => `${JSON.stringify(one)}\n`).join(""));

/** @param {string} relative */
function path(relative) {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** @param {number} parallel @param {string} name */
function answer(parallel, name) {
  const output = join(folder, name);
  const threads = values.threads === undefined ? [] : ["-t", values.threads];
  const args = [
    "run",
    "-q",
    "-m",
    values.model,
    "--batch",
    batch,
    "-o",
    output,
    "--json",
    ...threads,
  ];
  const sizes = ["-n", values["n-gen"], "--parallel", String(parallel)];
  const stdout = execFileSync(process.execPath, [path("../bin/bitnet.js"), ...args, ...sizes]);
  const { requests: counts, timing } = JSON.parse(stdout.toString());
  if (counts.ok !== requests.length) throw new Error(`${counts.failed} requests failed`);
  const answers = readFileSync(output, "utf8").trim().split("\n");
  const texts = answers.map((line) => JSON.parse(line)).map(({ id, response }) => [id, response]);
  return { rate: timing.generatedTokensPerSecond, texts: JSON.stringify(texts) };
}

const counts = values.parallel.split(",").map(Number);
/** @type {Map<number, number[]>} */
const rates = new Map(counts.map((count) => [count, []]));
/** @type {Set<string>} */
const texts = new Set();
try {
  for (let round = 0; round < Number(values.repetitions); round++) {
    for (const count of round % 2 ? counts.toReversed() : counts) {
      const found = answer(count, `${round}-${count}.jsonl`);
      rates.get(count)?.push(found.rate);
      texts.add(found.texts);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (texts.size !== 1) throw new Error("the answers differ");
const first = summarise(rates.get(counts[0] ?? 0) ?? []);
const rows = counts.map((count) => {
  const { median, min, max } = summarise(rates.get(count) ?? []);
  const spread = `${min.toFixed(1)} - ${max.toFixed(1)}`;
  return [`${count}`, median.toFixed(1), spread, `x ${(median / first.median).toFixed(2)}`];
});
console.log(formatTable(["at once", "tok/s", "from - to", "against"], rows));
console.log(
  `${requests.length} requests of ${values["n-gen"]} tokens: the same answers every time`,
);
