// This engine beside others on the same machine in the same run: fresh processes, one pass of each in
// turn, medians and ratios.
//   node scripts/compare.mjs -m MODEL --rival NAME='COMMAND' [--rival ...] [--kernel avx512vnni,avx2]
//     [-p 512] [-n 128] [-d 0] [-t 2] [-r 5] [--seconds S] [--kv f16] [--json]
// A rival is the command line of llama-bench, or of anything that takes its -p -n -t -r -o json and
// prints its JSON, with its model and without those options. With -d only generation at that depth is
// compared, by the rival's own -d or -gp. At -p 0 or -n 0 that test is left out. With --seconds no pass
// begins that would end later, were it as long as the one before. Interrupted, it tells what it has.
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { loadAddon } from "../dist/engine/load-addon.js";
import { benchArgs, oursAs, runBench } from "./lib/bench-process.mjs";
import { ratioOf, summarise } from "./lib/rates.mjs";

/** @typedef {import("./lib/bench-process.mjs").Contender} Contender */
/** @typedef {import("./lib/bench-process.mjs").Pass} Pass */

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m" },
    rival: { type: "string", multiple: true, default: [] },
    kernel: { type: "string" },
    "n-prompt": { type: "string", short: "p", default: "512" },
    "n-gen": { type: "string", short: "n", default: "128" },
    depth: { type: "string", short: "d", default: "0" },
    threads: { type: "string", short: "t", default: String(availableParallelism()) },
    repetitions: { type: "string", short: "r", default: "5" },
    seconds: { type: "string", default: "Infinity" },
    kv: { type: "string", default: "f16" },
    json: { type: "boolean", default: false },
  },
});
if (values.model === undefined) throw new Error("usage: node scripts/compare.mjs -m MODEL ...");
const depth = Number(values.depth);
const test = {
  nPrompt: depth > 0 ? 0 : Number(values["n-prompt"]),
  nGen: Number(values["n-gen"]),
  depth,
  threads: Number(values.threads),
};
const { brand, active } = loadAddon().cpuReport();
const kernels = values.kernel?.split(",") ?? [active];
const ours = kernels.map((kernel) => oursAs(kernel, values.model ?? "", values.kv));
const rivals = values.rival.map(parseRival);
const contenders = [...ours, ...rivals];

/** @param {string} text @returns {Contender} */
function parseRival(text) {
  const at = text.indexOf("=");
  if (at < 1) throw new Error(`--rival ${text}: expected NAME='COMMAND'`);
  return { name: text.slice(0, at), command: text.slice(at + 1), env: {} };
}

/** @type {Map<Contender, Pass[]>} */
const passes = new Map(contenders.map((one) => [one, []]));
let nPasses = Number(values.repetitions);
let isStopped = false;
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => (isStopped = true));
await runPasses();

async function runPasses() {
  let begin = performance.now();
  const end = begin + 1000 * Number(values.seconds);
  for (let pass = 0; pass < nPasses; pass++) {
    // Each begins in its turn, so that none always follows the same neighbour.
    for (let i = 0; i < contenders.length; i++) {
      const one = contenders[(pass + i) % contenders.length];
      if (one === undefined) continue;
      process.stderr.write(`pass ${pass + 1} of ${nPasses}: ${one.name}\n`);
      try {
        passes.get(one)?.push(await runBench(one, benchArgs(one, test), test));
      } catch (error) {
        if (!isStopped) throw error; // else its process was interrupted, too
      }
      if (isStopped) return;
    }
    const now = performance.now();
    if (now + (now - begin) > end) nPasses = pass + 1;
    begin = now;
  }
}

/** @param {Contender} one @param {"prompt" | "gen"} kind */
const samplesOf = (one, kind) => (passes.get(one) ?? []).flatMap(({ rates }) => rates[kind] ?? []);

const tests = [
  ...(test.nPrompt > 0 ? [{ kind: "prompt", name: `pp${test.nPrompt}` }] : []),
  ...(test.nGen > 0
    ? [{ kind: "gen", name: `tg${test.nGen}${depth > 0 ? `@${depth}` : ""}` }]
    : []),
];

/** @param {Contender} one */
function report(one) {
  const all = passes.get(one) ?? [];
  const results = tests.map(({ kind, name }) => {
    const samples = samplesOf(one, /** @type {"prompt" | "gen"} */ (kind));
    const ratios = rivals.map((rival) => [
      rival.name,
      ratioOf(samples, samplesOf(rival, /** @type {"prompt" | "gen"} */ (kind))) ?? null,
    ]);
    return {
      test: name,
      ...(samples.length > 0 ? summarise(samples) : {}),
      samples,
      ...(ours.includes(one) ? { ratios: Object.fromEntries(ratios) } : {}),
    };
  });
  return {
    name: one.name,
    version: all[0]?.version ?? "",
    command: one.command,
    results,
    peakRssMb: Math.max(...all.map(({ peakRssMb }) => peakRssMb)),
    wallSeconds: summarise(all.map(({ wallSeconds }) => wallSeconds)).median,
  };
}

/** @param {string[]} command */
function firstLine([file = "", ...args]) {
  try {
    return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .split("\n")[0]
      ?.trim();
  } catch {
    return undefined;
  }
}

const summary = {
  cpu: brand || cpus()[0]?.model,
  logicalCpus: availableParallelism(),
  node: process.version,
  commit: firstLine(["git", "describe", "--always", "--dirty"]),
  model: values.model,
  kv: values.kv,
  threads: test.threads,
  passes: nPasses,
  engines: contenders.filter((one) => passes.get(one)?.length).map(report),
};

function printTable() {
  const { cpu, logicalCpus, commit, node, threads } = summary;
  console.log(`${cpu}, ${logicalCpus} CPUs, ${threads} threads, ${nPasses} passes in turn`);
  console.log(`bitnet ${commit}, Node ${node}, KV cache ${values.kv}`);
  for (const { name, version } of summary.engines) {
    if (rivals.some((rival) => rival.name === name)) console.log(`${name}: ${version}`);
  }
  const columns = ["engine", "test", "tok/s", "min-max", ...rivals.map(({ name }) => `/ ${name}`)];
  const rows = tests.flatMap((_, i) =>
    summary.engines.map(({ name, results, peakRssMb, wallSeconds }) => {
      const { test: what, median, min, max, ratios } = results[i] ?? {};
      const cells = rivals.map((rival) => {
        if (ratios === undefined) return "";
        const ratio = ratios[rival.name];
        return typeof ratio === "number" ? ratio.toFixed(2) : "scatter";
      });
      const range = [min, max].map((value) => value?.toFixed(1)).join("-");
      return [
        name,
        what,
        median?.toFixed(1) ?? "none",
        range,
        ...cells,
        `${peakRssMb}`,
        wallSeconds.toFixed(1),
      ];
    }),
  );
  console.log(`\n| ${[...columns, "RSS MB", "process s"].join(" | ")} |`);
  console.log(`|${" --- |".repeat(columns.length + 2)}`);
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
  console.log("\nscatter: the passes of one engine scatter more than the two differ.");
}

if (values.json) console.log(JSON.stringify(summary, null, 2));
else printTable();
