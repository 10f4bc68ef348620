// A `bitnet serve` whose alerts go to a receiver that does everything wrong.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "./server-client.mjs";

/** Attempts for one alert, as docs/SERVER.md says. */
const ATTEMPTS = 4;
const LONGEST_MS = 120_000;
const QUIET_MS = 3000;

/**
 * Raises two alerts. The receiver refuses the first, hangs, hangs up and refuses again; then it is well.
 * @param {readonly string[]} args  of the server
 * @returns {Promise<string>} what happened
 * @throws {Error} attempts that go on, alerts that are lost, a log that is silent about it
 */
export async function alerts(args) {
  /** @type {number[]} */
  const got = [];
  /** @type {((response: import("node:http").ServerResponse) => void)[]} */
  const ways = [
    (response) => response.writeHead(500).end(),
    () => undefined,
    (response) => response.destroy(),
    (response) => response.writeHead(500).end(),
  ];
  const receiver = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    got.push(JSON.parse(body).alert.id);
    const way = ways.shift() ?? (() => response.writeHead(204).end());
    way(response);
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (receiver.address());
  let log = "";
  const rules = ["--alert", "memory>1", "--alert", "memory>2:critical"];
  const hook = ["--alert-webhook", `http://127.0.0.1:${port}/hook?token=hidden`];
  const loud = args.filter((arg) => arg !== "-q");
  const server = await startServer([...loud, ...rules, ...hook], (text) => (log += text));
  /** @type {number | null} */
  let ended = null;
  try {
    for (let ms = 0; got.length <= ATTEMPTS; ms += 100) {
      if (ms > LONGEST_MS) throw new Error(`the webhook got no more than ${got}\n${log}`);
      await sleep(100);
    }
    await sleep(QUIET_MS);
  } finally {
    ended = await server.stop();
    receiver.closeAllConnections();
    receiver.close();
  }
  if (ended !== 0) throw new Error(`the server ended with status ${ended}\n${log}`);
  if (`${got}` !== "1,1,1,1,2") throw new Error(`the webhook got alerts ${got}`);
  for (const line of [
    /^warning: memory is [\d.]+ MiB, above 1$/m,
    /^error: memory is [\d.]+ MiB, above 2$/m,
    /^warning: the webhook did not take alert 1: status 500$/m,
  ]) {
    if (!line.test(log)) throw new Error(`the log has nothing like ${line}\n${log}`);
  }
  if (log.includes("hidden")) throw new Error("the log has the webhook's address");
  return `alerts: ${got.length} attempts for 2 alerts, one of them given up`;
}
