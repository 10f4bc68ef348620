// Speed and memory of the engine on one model, in llama-bench's terms: prompt processing, generation
// from an empty context or after --depth tokens. Prints JSON rows as llama-bench does, with load time
// and memory beside them. `compare.mjs` runs this beside other engines.
//   node scripts/measure.mjs -m MODEL [-p 512] [-n 128] [-d 0] [-t THREADS] [-r 3] [--kv f16] [--mmap]
//     [--weights compact] [--no-head-copy] [--sequences N: decoding together, all their tokens counted]
// Figures of a shared machine drift: compare only what was measured in one run, in turns.
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { loadAddon } from "../dist/engine/load-addon.js";
import { openModel } from "../dist/index.js";
import { summarise } from "./lib/rates.mjs";
import { tokenIds } from "./lib/token-ids.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m" },
    "n-prompt": { type: "string", short: "p", default: "512" },
    "n-gen": { type: "string", short: "n", default: "128" },
    depth: { type: "string", short: "d", default: "0" },
    threads: { type: "string", short: "t" },
    repetitions: { type: "string", short: "r", default: "3" },
    kv: { type: "string", default: "f16" },
    weights: { type: "string", default: "fast" },
    "no-head-copy": { type: "boolean", default: false },
    sequences: { type: "string", default: "1" },
    mmap: { type: "boolean", default: false },
  },
});
if (values.model === undefined) throw new Error("usage: node scripts/measure.mjs -m MODEL");
const nPrompt = Number(values["n-prompt"]);
const nGen = Number(values["n-gen"]);
const depth = Number(values.depth);
const nSequences = Number(values.sequences);

const before = performance.now();
const model = await openModel(values.model, {
  threads: values.threads === undefined ? undefined : Number(values.threads),
  kvType: values.kv,
  weights: values.weights,
  mmap: values.mmap,
  headCopy: !values["no-head-copy"],
});
const loadMs = performance.now() - before;

/** Generates after `n` tokens, greedily and without stopping. Greedy text of random weights goes in
 *  circles, which guesses would turn into speed.
 *  @param {number} n @param {number} maxTokens @param {number} [seed] */
async function generate(n, maxTokens, seed) {
  const session = model.createSession();
  const tokens = tokenIds(n, model.tokenizer.vocabSize, seed);
  const sampling = { temperature: 0 };
  const options = { sampling, stopTokens: [], maxTokens, speculate: /** @type {const} */ ("off") };
  const { promptMs, generateMs } = await session.generate(tokens, options).result;
  session.close();
  return { promptMs, generateMs };
}

/** Tokens per second from each sequence's first token to its last, summed up. The first comes with
 *  the prompt. */
async function decodeRate() {
  const seeds = Array.from({ length: nSequences }, (_, i) => i + 1);
  const runs = seeds.map((seed) => generate(Math.max(1, depth), nGen + 1, seed));
  const times = await Promise.all(runs);
  return times.reduce((sum, { generateMs }) => sum + (1000 * nGen) / generateMs, 0);
}

// A whole first pass touches every weight; the rest of the warming is the first repetition's due.
await generate(1, 2);

/** @type {{ prompt: number[], gen: number[] }} */
const rates = { prompt: [], gen: [] };
for (let run = 0; run < Number(values.repetitions); run++) {
  if (nPrompt > 0) rates.prompt.push((1000 * nPrompt) / (await generate(nPrompt, 1)).promptMs);
  if (nGen > 0) rates.gen.push(await decodeRate());
}

const mb = (/** @type {number} */ bytes) => Math.round(bytes / 2 ** 20);
const peakKb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
const { weightBytes, kvCacheBytes, hugePages } = model.memory();
const common = {
  model_filename: values.model,
  kernel: loadAddon().cpuReport().active,
  n_threads: model.threads,
  type_k: values.kv,
  weights: values.weights,
  load_ms: Math.round(loadMs),
  peak_rss_mb: Math.round(peakKb / 1024),
  weights_mb: mb(weightBytes),
  kv_mb: mb(kvCacheBytes),
  huge_pages: hugePages,
};

/** @param {number[]} samples @param {object} test */
function row(samples, test) {
  if (samples.length === 0) return [];
  const { median, min, max } = summarise(samples);
  return [{ ...common, ...test, avg_ts: median, min_ts: min, max_ts: max, samples_ts: samples }];
}

const rows = [
  ...row(rates.prompt, { n_prompt: nPrompt, n_gen: 0, n_depth: 0 }),
  ...row(rates.gen, { n_prompt: 0, n_gen: nGen, n_depth: depth, n_sequences: nSequences }),
];
console.log(JSON.stringify(rows, null, 2));
await model.close();
