// Speed and memory of the engine on one model: load time, prompt and decode speed, peak memory.
//   node scripts/measure.mjs MODEL [-t THREADS] [-p PROMPT] [-n TOKENS] [-d DEPTH] [-r RUNS] [--kv f16]
// Figures of a shared machine drift: compare only what was measured in one run, in turns.
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { openModel } from "../dist/index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: "string", short: "t" },
    prompt: { type: "string", short: "p", default: "512" },
    tokens: { type: "string", short: "n", default: "128" },
    depth: { type: "string", short: "d", default: "0" },
    runs: { type: "string", short: "r", default: "3" },
    kv: { type: "string", default: "f16" },
    mmap: { type: "boolean", default: false },
  },
});
const [path] = positionals;
if (path === undefined) throw new Error("usage: node scripts/measure.mjs MODEL [options]");
const nPrompt = Number(values.prompt);
const nTokens = Number(values.tokens);
const depth = Number(values.depth);

const before = performance.now();
const model = await openModel(path, {
  threads: values.threads === undefined ? undefined : Number(values.threads),
  kvType: values.kv,
  mmap: values.mmap,
});
const loadMs = performance.now() - before;

/** Seeded token ids: the speed does not depend on which. @param {number} n */
function tokensOf(n) {
  let state = 1;
  return Int32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % Math.min(model.tokenizer.vocabSize, 1000);
  });
}

const greedy = { sampling: { temperature: 0 }, stopTokens: [] };
const rates = { prompt: [], decode: [] };
for (let run = -1; run < Number(values.runs); run++) {
  const session = model.createSession();
  if (nPrompt > 0) {
    const { promptMs } = await session.generate(tokensOf(nPrompt), { ...greedy, maxTokens: 1 })
      .result;
    if (run >= 0) rates.prompt.push((1000 * nPrompt) / promptMs);
  }
  if (nTokens > 0) {
    const start = tokensOf(Math.max(1, depth));
    const { generateMs } = await session.generate(start, { ...greedy, maxTokens: nTokens + 1 })
      .result;
    if (run >= 0) rates.decode.push((1000 * nTokens) / generateMs);
  }
  session.close();
}

/** @param {number[]} list */
function summary(list) {
  if (list.length === 0) return null;
  const sorted = list.toSorted((a, b) => a - b);
  const round = (value) => Number(value.toFixed(2));
  return {
    median: round(sorted[sorted.length >> 1]),
    min: round(sorted[0]),
    max: round(sorted.at(-1)),
  };
}

const peakRssMb =
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
const memory = model.memory();
console.log(
  JSON.stringify({
    model: path,
    kernel: process.env.BITNET_KERNEL ?? "auto",
    threads: values.threads ?? "auto",
    [`pp${nPrompt}`]: summary(rates.prompt),
    [`tg${nTokens}@${depth}`]: summary(rates.decode),
    loadMs: Math.round(loadMs),
    peakRssMb: Math.round(peakRssMb),
    weightsMb: Math.round(memory.weightBytes / 2 ** 20),
    kvMb: Math.round(memory.kvCacheBytes / 2 ** 20),
    hugePages: memory.hugePages,
  }),
);
await model.close();
