// Each kernel alone, on the shapes of public models and beside what the machine could do at best.
//   node scripts/bench-kernels.mjs [--model 2B4T,...] [--target avx2,...] [-t 1,2] [--only TEXT]
//     [-m 1,512] [-d 512,4096] [--kv f16] [-r 7] [--shapes FILE] [--json]
// Weights are cold: calls go around in 512 MB of them. -m are activation rows (1 decodes, 512 is a
// prompt), -d depths of attention. --only keeps kernels whose row holds the text. `read` and `peak` are
// shares of the read bandwidth and of the target's int8 dot products (attention: multiply-adds in
// f32), both measured here with as many threads. Needs a quiet machine.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { loadAddon } from "../dist/engine/load-addon.js";
import { casesOf } from "./bench-kernels/cases.mjs";
import { loadBenchAddon } from "./lib/bench-addon.mjs";
import { summarise } from "./lib/rates.mjs";
import { formatTable } from "./lib/table.mjs";

/** @typedef {import("./bench-kernels/cases.mjs").ModelShape} ModelShape */

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    target: { type: "string" },
    threads: { type: "string", short: "t", default: "1,2" },
    only: { type: "string", default: "" },
    m: { type: "string", short: "m", default: "1,512" },
    depth: { type: "string", short: "d", default: "512,4096" },
    kv: { type: "string", default: "f16" },
    repetitions: { type: "string", short: "r", default: "7" },
    shapes: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const numbers = (/** @type {string} */ list) => list.split(",").map(Number);

const file = values.shapes ?? new URL("bench-kernels/shapes.json", import.meta.url);
/** @type {ModelShape[]} */
const shapes = JSON.parse(readFileSync(file, "utf8"));
const wanted = values.model?.split(",") ?? shapes.map(({ model }) => model);
for (const name of wanted) {
  if (!shapes.some(({ model }) => model === name)) throw new Error(`no shape named ${name}`);
}
const cases = shapes
  .filter(({ model }) => wanted.includes(model))
  .flatMap((shape) =>
    casesOf(shape, { ms: numbers(values.m), depths: numbers(values.depth), kvType: values.kv }),
  )
  .filter(({ label }) => label.includes(values.only));
if (cases.length === 0) throw new Error(`no kernel's row holds "${values.only}"`);

const { brand, targets } = loadAddon().cpuReport();
const runnable = targets.filter((one) => one.runnable && one.name !== "scalar");
const chosen = values.target?.split(",") ?? runnable.map(({ name }) => name);
const addon = loadBenchAddon();

/** @param {string} target @param {number} threads */
function benchTarget(target, threads) {
  const bench = addon.openBench({ target, threads, samples: Number(values.repetitions) });
  const limits = addon.limits(bench);
  const rows = cases.flatMap(({ model, label, what }) =>
    addon.measure(bench, what).map(({ kernel, seconds, bytes, operations }) => {
      const { median, min, max } = summarise(seconds);
      const peak = what.what === "attention" ? limits.f32Peak : limits.int8Peak;
      return {
        ...{ model, label, kernel, ns: median * 1e9, minNs: min * 1e9, maxNs: max * 1e9 },
        gbPerSecond: bytes / median / 1e9,
        gopPerSecond: operations / median / 1e9,
        readShare: bytes / median / limits.readBandwidth,
        peakShare: peak > 0 ? operations / median / peak : undefined,
      };
    }),
  );
  return { target, threads, limits, rows };
}

const percent = (/** @type {number | undefined} */ share) =>
  share === undefined ? "" : `${(100 * share).toFixed(0)} %`;

/** @param {ReturnType<typeof benchTarget>} result */
function print({ target, threads, limits, rows }) {
  const [read, int8, f32] = [limits.readBandwidth, limits.int8Peak, limits.f32Peak];
  const giga = (/** @type {number} */ value) => (value / 1e9).toFixed(value < 1e11 ? 1 : 0);
  console.log(
    `\n${target}, threads: ${threads}; reads ${giga(read)} GB/s, int8 ${giga(int8)} GOP/s, ` +
      `f32 ${giga(f32)} GFLOP/s`,
  );
  const cells = rows.map((row) => [
    row.model,
    row.label,
    row.kernel,
    (row.ns / 1000).toFixed(1),
    `${(row.minNs / 1000).toFixed(1)}-${(row.maxNs / 1000).toFixed(1)}`,
    row.gbPerSecond.toFixed(1),
    percent(row.readShare),
    row.gopPerSecond.toFixed(1),
    percent(row.peakShare),
  ]);
  const columns = ["model", "case", "kernel", "us", "min-max", "GB/s", "read", "GOP/s", "peak"];
  console.log(formatTable(columns, cells));
}

const results = [];
if (!values.json) console.log(`${brand}, median of ${values.repetitions}`);
for (const target of chosen) {
  for (const threads of numbers(values.threads)) {
    const result = benchTarget(target, threads);
    results.push(result);
    if (!values.json) print(result);
  }
}
if (values.json) console.log(JSON.stringify({ cpu: brand, results }, null, 2));
