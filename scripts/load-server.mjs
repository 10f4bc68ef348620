// Puts a `bitnet serve` under load and says how it bears it.
//   node scripts/load-server.mjs [-m MODEL] [-t THREADS] [--clients 8] [-n 64] [--requests 0]
//     [--leave 0.1] [--long 0] [--seed 1] [-c 2048] [--speculate off] [--restart 0]
//     [--alerts]
// Speed: all tokens per second of so many clients against those of one, times between tokens, and the
// CPU that these take besides the engine, on cores that they share with it.
// With --long: times between tokens of one client while another sends a prompt of so many words.
// With --requests: so many of mixed sizes, some of whose clients leave. Fails when an answer is not the
// one that the same request has alone, when one is lost, or when memory grows.
// With --restart: the server is killed so many times in the middle of all that, and started again on its
// port; at last it is told to stop. Fails when a client takes half of an answer for one.
// With --alerts: a server whose alerts go to a receiver that refuses, hangs and hangs up (about a minute).
import { parseArgs } from "node:util";
import { alerts } from "./lib/server-alerts.mjs";
import {
  ask,
  gapsOf,
  mixedRequests,
  percentile,
  randomNumbers,
  startServer,
  streamChat,
} from "./lib/server-client.mjs";
import { restarts } from "./lib/server-restarts.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m" },
    threads: { type: "string", short: "t", default: "2" },
    clients: { type: "string", default: "8" },
    "n-gen": { type: "string", short: "n", default: "64" },
    "ctx-size": { type: "string", short: "c", default: "0" },
    requests: { type: "string", default: "0" },
    leave: { type: "string", default: "0.1" },
    long: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
    speculate: { type: "string", default: "auto" },
    rounds: { type: "string", default: "1" },
    restart: { type: "string", default: "0" },
    alerts: { type: "boolean", default: false },
  },
});
/** Of an answer, after all have begun: fewer tell no speed. */
const MIN_PARTS = 8;
const clients = Number(values.clients);
const nGen = Number(values["n-gen"]);
const args = [
  ...(values.model === undefined ? [] : ["-m", values.model]),
  ...["-t", values.threads, "-c", values["ctx-size"], "--parallel", String(clients), "-q"],
  ...["--max-queue", "4096", "--speculate", values.speculate],
];
const server = await startServer(args);

/** @param {number} number @param {string} unit */
const show = (number, unit) => `${number.toFixed(1)} ${unit}`;

/** Decode speed of `n` clients at once, from the first token of the last of them to begin.
 * @param {number} n */
async function speed(n) {
  const bodies = Array.from({ length: n }, (_, i) => ask(`Tell me story number ${i}.`, nGen));
  const before = { main: server.mainThreadMs(), clients: process.cpuUsage() };
  const answers = await Promise.all(bodies.map((body) => streamChat(server.url, body)));
  const main = server.mainThreadMs() - before.main;
  const clients = process.cpuUsage(before.clients);
  const begin = Math.max(...answers.map(({ times }) => times[0] ?? 0));
  const end = Math.max(...answers.map(({ times }) => times.at(-1) ?? 0));
  const parts = answers.flatMap(({ times }) => times.filter((time) => time > begin)).length;
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  const perPart = tokens / answers.reduce((sum, { times }) => sum + times.length, 0);
  const clientsMs = (clients.user + clients.system) / 1000;
  const gaps = answers.flatMap(gapsOf);
  return {
    parts,
    rate: (1000 * parts * perPart) / (end - begin),
    text:
      `between tokens p50 ${show(percentile(gaps, 0.5), "ms")}, ` +
      `p95 ${show(percentile(gaps, 0.95), "ms")}; ` +
      `first token ${show(Math.max(...answers.map((a) => (a.times[0] ?? 0) - a.startedAt)), "ms")}; ` +
      `CPU per token: main thread ${(main / tokens).toFixed(2)} ms, ` +
      `clients ${(clientsMs / tokens).toFixed(2)} ms`,
  };
}

await speed(1);
for (let round = 0; round < Number(values.rounds); round++) {
  const one = await speed(1);
  const many = await speed(clients);
  if (one.parts < MIN_PARTS || many.parts < MIN_PARTS * clients) {
    console.log(`no speed: answers of -n ${nGen} end too soon`);
    break;
  }
  const factor = (many.rate / one.rate).toFixed(2);
  console.log(`1 client: ${show(one.rate, "tok/s")}, ${one.text}`);
  console.log(`${clients} clients: ${show(many.rate, "tok/s")} (x ${factor}), ${many.text}`);
}
if (Number(values.long) > 0) await stall();
if (Number(values.requests) > 0) await mix(Number(values.requests));
const status = await server.stop();
if (status !== 0) throw new Error(`the server ended with status ${status}`);
if (Number(values.restart) > 0) {
  const next = randomNumbers(Number(values.seed));
  console.log(await restarts(args, { kills: Number(values.restart), clients: 2 * clients, next }));
}
if (values.alerts) console.log(await alerts(args));

/** What one client notices of another's long prompt. */
async function stall() {
  const watcher = streamChat(server.url, ask("Tell me a long story.", 4 * nGen));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const begin = performance.now();
  const long = await streamChat(server.url, ask("word ".repeat(Number(values.long)), 1));
  const end = long.times[0] ?? performance.now();
  const { times } = await watcher;
  const gaps = times
    .slice(1)
    .map((time, i) => ({ time, gap: time - /** @type {number} */ (times[i]) }));
  const during = gaps.filter(({ time }) => time > begin && time < end).map(({ gap }) => gap);
  const before = gaps.filter(({ time }) => time < begin).map(({ gap }) => gap);
  console.log(
    `prompt of ${values.long} words evaluated in ${show(end - begin, "ms")}; meanwhile ` +
      `${during.length} parts came, p50 ${show(percentile(during, 0.5), "ms")}, longest wait ` +
      `${show(Math.max(...during), "ms")} (before: p50 ${show(percentile(before, 0.5), "ms")})`,
  );
}

/** Requests of mixed sizes, some of whose clients leave; each compared with what it gets alone.
 * @param {number} count */
async function mix(count) {
  const next = randomNumbers(Number(values.seed));
  const kinds = mixedRequests(next);
  const alone = [];
  for (const body of kinds) alone.push(await streamChat(server.url, body));
  const tally = { same: 0, left: 0 };
  const quarter = Math.ceil(count / 4);
  let asked = 0;
  let early = server.rssBytes();
  const work = async () => {
    while (asked < count) {
      const i = Math.floor(next() * kinds.length);
      if (asked === quarter) early = server.rssBytes();
      asked++;
      const leaves = next() < Number(values.leave);
      const answer = await streamChat(server.url, kinds[i] ?? {}, leaves ? 1 : undefined);
      if (leaves) tally.left++;
      else if (answer.text === alone[i]?.text && answer.finish === alone[i]?.finish) tally.same++;
      else throw new Error(`another answer than alone: ${JSON.stringify([answer, alone[i]])}`);
    }
  };
  await Promise.all(Array.from({ length: 2 * clients }, work));
  const late = server.rssBytes();
  const state = await (await fetch(`${server.url}/health`)).json();
  const mib = (/** @type {number} */ bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  console.log(
    `${count} requests: ${tally.same} answers as alone, ${tally.left} clients left; memory ` +
      `${mib(early)} after a quarter, ${mib(late)} at the end; ${state.active} active, ${state.queued} queued`,
  );
  if (tally.same + tally.left !== count) throw new Error("answers were lost");
  if (late > early * 1.1 + 2 ** 25) throw new Error("memory grows");
}
