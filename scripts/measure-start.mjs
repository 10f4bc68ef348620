// How long a user waits for the first word: from the start of `bitnet run` to the first byte of its
// answer, with the model's file in the page cache.
//   node scripts/measure-start.mjs [-m MODEL] [-p PROMPT] [-t THREADS] [-r 5]
// Or of another command line: node scripts/measure-start.mjs -r 21 -- --help
import { spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { summarise } from "./lib/rates.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string", short: "m" },
    prompt: {
      type: "string",
      short: "p",
      default: "Once upon a time, in a small village by the sea, there lived",
    },
    threads: { type: "string", short: "t" },
    repetitions: { type: "string", short: "r", default: "5" },
  },
});
const { model, prompt, threads } = values;
const run = [
  ...["run", "-p", prompt, "-n", "16", "--temp", "0", "--quiet"],
  ...(model === undefined ? [] : ["-m", model]),
  ...(threads === undefined ? [] : ["-t", threads]),
];
const bin = fileURLToPath(new URL("../bin/bitnet.js", import.meta.url));
const command = [bin, ...(positionals.length > 0 ? positionals : run)];

/** @returns {Promise<number>} seconds */
function firstByte() {
  const begin = performance.now();
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    let seconds = 0;
    child.stdout.on("data", () => (seconds ||= (performance.now() - begin) / 1000));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 && seconds > 0) resolve(seconds);
      else reject(new Error(`bitnet ended with status ${code}`));
    });
  });
}

await firstByte();
const samples = [];
for (let i = 0; i < Number(values.repetitions); i++) samples.push(await firstByte());
const { median, min, max } = summarise(samples);
const seconds = (/** @type {number} */ value) => `${value.toFixed(3)} s`;
console.log(
  `${positionals.join(" ") || (model ?? "bundled model")}: first byte after ${seconds(median)} (${seconds(min)} to ${seconds(max)})`,
);
