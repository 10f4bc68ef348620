// Where a token's time goes, by stage; the stages sum to the whole.
//   node scripts/profile-decode.mjs -m MODEL [-t 2] [-d 0] [-n 64] [--prompt 512] [--sequences 1]
//     [--top-k 0] [--kv f16] [--json]
// Decodes -n tokens from depth -d, one by one; with --prompt, evaluates prompts of that many tokens
// instead (-n passes, 5 unless said); --sequences evaluates as many side by side. --top-k asks for the
// largest logits only, for which an F16 head is searched through its int8 copy. `waiting` is the part
// of a stage in which a thread waits for the others, on average. Of products it prints the bytes of
// weights read and operations done per second.
// BITNET_KERNEL names the kernel target. Needs a quiet machine.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { openModelSource } from "../dist/checkpoint/open.js";
import { hparamsOf } from "../dist/engine/hparams.js";
import { loadAddon } from "../dist/engine/load-addon.js";
import { kvPositionBytes } from "../dist/engine/loaded-bytes.js";
import { loadBenchAddon } from "./lib/bench-addon.mjs";
import { formatTable } from "./lib/table.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m" },
    threads: { type: "string", short: "t", default: String(availableParallelism()) },
    depth: { type: "string", short: "d", default: "0" },
    passes: { type: "string", short: "n" },
    prompt: { type: "string" },
    sequences: { type: "string", default: "1" },
    "top-k": { type: "string", default: "0" },
    kv: { type: "string", default: "f16" },
    json: { type: "boolean", default: false },
  },
});
if (values.model === undefined) throw new Error("usage: node scripts/profile-decode.mjs -m MODEL");
const threads = Number(values.threads);
const depth = Number(values.depth);
const tokens = Number(values.prompt ?? 1);
const sequences = Number(values.sequences);
const topK = Number(values["top-k"]);
const passes = Number(values.passes ?? (values.prompt ? 5 : 64));

const source = await openModelSource(values.model);
const hparams = hparamsOf(source.metadata);
const spec = {
  files: source.files,
  tensors: source.tensors,
  hparams,
  threads,
  kvType: values.kv,
  batchSize: 512,
  mmap: false,
  headCopy: topK > 0,
};
const run = await loadBenchAddon().profile(spec, { depth, tokens, sequences, topK, passes });

/** Weights of the matrices with these names, in all layers. @param {RegExp} name */
function weightsOf(name) {
  const found = source.tensors.filter((tensor) => name.test(tensor.name));
  return found.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
}

/** The head, and its bytes that a pass reads. */
function headOf() {
  const named = (/** @type {string} */ name) => source.tensors.find((one) => one.name === name);
  const head = named("output.weight") ?? named("token_embd.weight");
  if (head === undefined) throw new Error(`${values.model} has no head`);
  const { rows, cols, bytes } = head;
  if (run.headRows === rows) return { rows, cols, bytes, read: bytes };
  // The copy: blocks of 32 in 34 bytes, and two numbers a row.
  const copy = rows * ((cols / 32) * 34 + 8);
  return { rows, cols, bytes, read: copy + (run.headRows / rows) * bytes * sequences };
}
const head = headOf();

/** What a pass of a stage reads and computes. @param {string} stage */
function workOf(stage) {
  const { nLayers, nHeads, headDim } = hparams;
  const names = {
    "q, k, v": /attn_[qkv]\.weight$/,
    "attention output": /attn_output\.weight$/,
    "gate, up": /ffn_(gate|up)\.weight$/,
    down: /ffn_down\.weight$/,
  };
  if (stage in names) {
    const weights = weightsOf(names[/** @type {keyof names} */ (stage)]);
    return { bytes: weights / 4, operations: 2 * weights * tokens * sequences };
  }
  if (stage === "head") {
    return { bytes: head.read, operations: 2 * head.rows * head.cols * sequences };
  }
  if (stage === "attention") {
    // Decoding goes on from pass to pass, a prompt starts over; the warm-up pass came first.
    const before = tokens > 1 ? depth : depth + 1 + (passes - 1) / 2;
    return {
      bytes: sequences * (before + tokens) * kvPositionBytes(hparams, values.kv),
      operations: 4 * sequences * nLayers * nHeads * headDim * tokens * (before + (tokens + 1) / 2),
    };
  }
  return { bytes: 0, operations: 0 };
}

const perSecond = (/** @type {number} */ ms) =>
  `${((1000 * sequences * tokens) / ms).toFixed(1)} tok/s`;
const msPerPass = (/** @type {number} */ seconds) => (1000 * seconds) / passes;
const stages = run.stages.map(({ name, seconds, workSeconds }) => {
  const { bytes, operations } = workOf(name);
  return {
    stage: name,
    ms: msPerPass(seconds),
    // Stages outside parallel regions count no work: nobody waits for what is not shared.
    waitingMs: workSeconds > 0 ? msPerPass(seconds - workSeconds / threads) : 0,
    gbPerSecond: (bytes * passes) / seconds / 1e9,
    gopPerSecond: (operations * passes) / seconds / 1e9,
  };
});
const counted = run.stages.reduce((sum, { seconds }) => sum + seconds, 0);
const totalMs = msPerPass(run.seconds);
const all = [
  ...stages,
  { stage: "rest", ms: msPerPass(run.seconds - counted), waitingMs: 0 },
  { stage: "whole", ms: totalMs, waitingMs: stages.reduce((sum, one) => sum + one.waitingMs, 0) },
];

if (values.json) {
  const { target } = run;
  console.log(
    JSON.stringify({ target, threads, depth, tokens, sequences, passes, stages: all }, null, 2),
  );
} else {
  const { brand } = loadAddon().cpuReport();
  const unit = tokens > 1 ? `prompts of ${tokens} tokens` : "tokens";
  const what = sequences > 1 ? `${unit} of ${sequences} sequences` : unit;
  console.log(
    `${brand}, ${run.target}, threads: ${threads}, KV cache ${values.kv}; ` +
      `${passes} ${what} from depth ${depth}: ${perSecond(totalMs)}, ${perSecond(1000 * run.fastest)} at best\n`,
  );
  if (head.read < head.bytes) {
    const [part, rows] = [head.read / head.bytes, run.headRows];
    console.log(
      `head: ${(100 * part).toFixed(2)} % of its bytes, ${rows.toFixed(1)} of ${head.rows} rows exactly\n`,
    );
  }
  const rate = (/** @type {number | undefined} */ value) => (value ? value.toFixed(1) : "");
  const rows = all.map(({ stage, ms, waitingMs, gbPerSecond, gopPerSecond }) => [
    stage,
    ms.toFixed(3),
    `${((100 * ms) / totalMs).toFixed(1)} %`,
    waitingMs.toFixed(3),
    rate(gbPerSecond),
    rate(gopPerSecond),
  ]);
  console.log(formatTable(["stage", "ms", "share", "waiting", "GB/s", "GOP/s"], rows));
}
