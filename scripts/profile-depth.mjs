// What a deep context costs in decoding, by the type of the KV cache.
//   node scripts/profile-depth.mjs -m MODEL [-t 2] [-d 3500] [-n 16] [-r 5] [--kv f16,bf16,int8]
// In turns: -n tokens from an empty context, -n tokens at depth -d, with each type, -r times over. Of
// each turn the fastest token counts, of the turns the median. `of bytes` is what reading the cache
// would cost at the read bandwidth of this machine, measured before and after.
// BITNET_KERNEL names the kernel target. Needs a quiet machine.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { openModelSource } from "../dist/checkpoint/open.js";
import { hparamsOf } from "../dist/engine/hparams.js";
import { loadAddon } from "../dist/engine/load-addon.js";
import { kvPositionBytes } from "../dist/engine/loaded-bytes.js";
import { loadBenchAddon } from "./lib/bench-addon.mjs";
import { summarise } from "./lib/rates.mjs";
import { formatTable } from "./lib/table.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m" },
    threads: { type: "string", short: "t", default: String(availableParallelism()) },
    depth: { type: "string", short: "d", default: "3500" },
    passes: { type: "string", short: "n", default: "16" },
    rounds: { type: "string", short: "r", default: "5" },
    kv: { type: "string", default: "f16,bf16,int8" },
  },
});
if (values.model === undefined) throw new Error("usage: node scripts/profile-depth.mjs -m MODEL");
const threads = Number(values.threads);
const depth = Number(values.depth);
const passes = Number(values.passes);
const kvTypes = values.kv.split(",");

const source = await openModelSource(values.model);
const hparams = hparamsOf(source.metadata);
const addon = loadBenchAddon();
const { active, brand } = loadAddon().cpuReport();

function readBandwidth() {
  const bench = addon.openBench({ target: active, threads, samples: 20 });
  return addon.limits(bench).readBandwidth;
}

/** Milliseconds of the fastest token, and those in attention on average.
 *  @param {string} kvType @param {number} at */
async function decode(kvType, at) {
  const { files, tensors } = source;
  const spec = { files, tensors, hparams, threads, kvType, batchSize: 512, mmap: false };
  const options = { depth: at, tokens: 1, sequences: 1, topK: 0, passes };
  const run = await addon.profile({ ...spec, headCopy: false }, options);
  const attention = run.stages.find(({ name }) => name === "attention")?.seconds ?? 0;
  return { ms: 1000 * run.fastest, attentionMs: (1000 * attention) / passes };
}

const bandwidths = [readBandwidth()];
const turns = kvTypes.map((kvType) => ({
  kvType,
  shallow: /** @type {number[]} */ ([]),
  deep: /** @type {number[]} */ ([]),
  attention: /** @type {number[]} */ ([]),
}));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { kvType, shallow, deep, attention } of turns) {
    shallow.push((await decode(kvType, 0)).ms);
    const { ms, attentionMs } = await decode(kvType, depth);
    deep.push(ms);
    attention.push(attentionMs);
  }
}
bandwidths.push(readBandwidth());

const gb = (/** @type {number} */ perSecond) => (perSecond / 1e9).toFixed(1);
const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;
const rows = turns.map(({ kvType, shallow, deep, attention }) => {
  const [before, after] = [summarise(shallow).median, summarise(deep).median];
  const attentionMs = summarise(attention).median;
  const bytes = depth * kvPositionBytes(hparams, kvType);
  const readMs = (1000 * bytes) / summarise(bandwidths).median;
  return [
    kvType,
    before.toFixed(2),
    after.toFixed(2),
    percent(1 - before / after),
    percent(readMs / (before + readMs)),
    attentionMs.toFixed(2),
    gb((1000 * bytes) / attentionMs),
  ];
});
console.log(
  `${brand}, ${active}, threads: ${threads}; reads ${bandwidths.map(gb).join(" and ")} GB/s\n`,
);
const at = [`ms at 0`, `ms at ${depth}`];
console.log(formatTable(["KV", ...at, "loses", "of bytes", "attention", "GB/s"], rows));
