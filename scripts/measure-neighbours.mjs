// What other work on the machine costs: tokens per second beside processes that keep a core busy.
//   node scripts/measure-neighbours.mjs [-m MODEL] [-t 2] [-n 200] [--neighbours 0,1,2] [-r 5]
// The same text each time, without guesses; medians, and the slowest and fastest of -r.
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { openModel } from "../dist/index.js";
import { summarise } from "./lib/rates.mjs";
import { formatTable } from "./lib/table.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m" },
    threads: { type: "string", short: "t", default: "2" },
    "n-gen": { type: "string", short: "n", default: "200" },
    neighbours: { type: "string", default: "0,1,2" },
    repetitions: { type: "string", short: "r", default: "5" },
  },
});
const BUNDLED = new URL("../models/demo", import.meta.url).pathname;
const BUSY = "for (;;);";

const model = await openModel(values.model ?? BUNDLED, { threads: Number(values.threads) });

async function tokensPerSecond() {
  const session = model.createSession();
  const options = { maxTokens: Number(values["n-gen"]), stopTokens: [], seed: 1, speculate: "off" };
  const begun = performance.now();
  const generation = session.generate(model.encode("Once upon a time"), options);
  await generation.text();
  const { generatedTokens } = await generation.result;
  session.close();
  return (1000 * generatedTokens) / (performance.now() - begun);
}

const rows = [];
for (const count of values.neighbours.split(",").map(Number)) {
  const neighbours = Array.from({ length: count }, () => spawn(process.execPath, ["-e", BUSY]));
  try {
    await new Promise((resolve) => setTimeout(resolve, 500)); // until they are at it
    const rates = [];
    for (let i = 0; i < Number(values.repetitions); i++) rates.push(await tokensPerSecond());
    const { median } = summarise(rates);
    const figures = [median, Math.min(...rates), Math.max(...rates)];
    rows.push([String(count), ...figures.map((rate) => rate.toFixed(0))]);
  } finally {
    for (const one of neighbours) one.kill("SIGKILL");
  }
}
await model.close();
console.log(formatTable(["neighbours", "tok/s", "slowest", "fastest"], rows));
