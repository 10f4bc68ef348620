// Clients of a `bitnet serve` under load.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../bin/bitnet.js", import.meta.url));

/**
 * @typedef {object} Server
 * @property {string} url
 * @property {() => number} rssBytes
 * @property {() => number} mainThreadMs  of CPU, the engine's threads apart
 * @property {(signal?: NodeJS.Signals) => Promise<number | null>} stop  gives the status; null: killed
 */

/**
 * Starts `bitnet serve` on this machine, on a free port unless `args` name one.
 * @param {readonly string[]} args
 * @param {(text: string) => void} [onMessage]  told what it writes to standard error, if not shown
 * @returns {Promise<Server>}
 */
export async function startServer(args, onMessage) {
  const child = spawn(process.execPath, [BIN, "serve", "--port", "0", "--json", ...args], {
    stdio: ["ignore", "pipe", onMessage ? "pipe" : "inherit"],
  });
  if (onMessage) child.stderr?.setEncoding("utf8").on("data", onMessage);
  // Whatever ends this program ends the server.
  const end = () => void child.kill("SIGKILL");
  process.once("exit", end);
  const ended = new Promise((resolve) => child.on("exit", resolve));
  void ended.then(() => process.off("exit", end));
  /** @type {string} */
  const url = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (more) => {
      text += more;
      // Without a URL it is the document of an error, which standard error tells as well.
      if (text.endsWith("}\n") && JSON.parse(text).url) resolve(JSON.parse(text).url);
    });
    void ended.then(() => reject(new Error("the server did not start")));
  });
  return {
    url,
    rssBytes: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    },
    mainThreadMs: () => {
      const [nanoseconds] = readFileSync(
        `/proc/${child.pid}/task/${child.pid}/schedstat`,
        "utf8",
      ).split(" ");
      return Number(nanoseconds) / 1e6;
    },
    stop: (signal = "SIGTERM") => {
      child.kill(signal);
      return /** @type {Promise<number | null>} */ (ended);
    },
  };
}

/**
 * @typedef {object} Streamed
 * @property {string} text
 * @property {string} finish  `finish_reason`, or "left"
 * @property {number} tokens
 * @property {number} startedAt
 * @property {number[]} times  of the events with text, in milliseconds
 */

/** @typedef {{ text: string, at: number }} Piece  What came of a stream, and when. */

/**
 * Asks for a streamed answer and notes when its parts come. They are read when all have come: what is
 * measured shares its cores with this.
 * @param {string} url
 * @param {object} body       of /v1/chat/completions
 * @param {number} [leaveAt]  leave after so many parts
 * @returns {Promise<Streamed>}
 */
export async function streamChat(url, body, leaveAt = Number.POSITIVE_INFINITY) {
  const startedAt = performance.now();
  const response = await post(
    `${url}/v1/chat/completions`,
    JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
  );
  if (response.statusCode !== 200) throw new Error(await text(response));
  /** @type {Piece[]} */
  const pieces = [];
  const leave = () => readAnswer(pieces, startedAt).times.length >= leaveAt;
  await new Promise((resolve, reject) => {
    response.setEncoding("utf8").on("data", (piece) => {
      pieces.push({ text: piece, at: performance.now() });
      if (leaveAt < Number.POSITIVE_INFINITY && leave()) response.destroy();
    });
    response.on("error", reject).on("close", resolve);
  });
  return readAnswer(pieces, startedAt);
}

/** A request of a conversation.
 * @param {string} content @param {number} max_tokens @param {object} [more] */
export const ask = (content, max_tokens, more) => ({
  messages: [{ role: "user", content }],
  max_tokens,
  temperature: 0,
  ...more,
});

/** Requests of mixed sizes, the same each time.
 * @param {() => number} next  random numbers from 0 to 1 */
export function mixedRequests(next) {
  const texts = ["Tell me a story.", "What is 4 + 4?", "Who are you?", "Say hello to a friend."];
  return Array.from({ length: 24 }, (_, i) => {
    const content = `${texts[i % texts.length]} ${"Take your time. ".repeat(next() * 12)}`;
    const temperature = i % 3 === 0 ? 0 : 0.9;
    return ask(content, Math.ceil(1 + next() * 60), { seed: i, temperature });
  });
}

/** The same numbers from 0 to 1 each time (mulberry32).
 * @param {number} seed */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * @param {string} url
 * @param {string} body
 * @returns {Promise<import("node:http").IncomingMessage>}
 */
function post(url, body) {
  const headers = { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    request(url, { method: "POST", headers }, resolve).on("error", reject).end(body);
  });
}

/**
 * @param {readonly Piece[]} pieces
 * @param {number} startedAt
 * @returns {Streamed}
 */
function readAnswer(pieces, startedAt) {
  /** @type {Streamed} */
  const answer = { text: "", finish: "left", tokens: 0, startedAt, times: [] };
  let rest = "";
  for (const piece of pieces) {
    const events = (rest + piece.text).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const json = event.slice("data: ".length);
      if (json !== "[DONE]") addEvent(answer, JSON.parse(json), piece.at);
    }
  }
  return answer;
}

/** @param {Streamed} answer @param {any} event @param {number} at */
function addEvent(answer, event, at) {
  if (event.error) throw new Error(event.error.message);
  answer.tokens = event.usage?.completion_tokens ?? answer.tokens;
  const [choice] = event.choices;
  if (choice?.finish_reason) answer.finish = choice.finish_reason;
  if (!choice?.delta.content) return;
  answer.text += choice.delta.content;
  answer.times.push(at);
}

/** Times between the parts of an answer.
 * @param {Streamed} answer */
export function gapsOf({ times }) {
  return times.slice(1).map((time, i) => time - /** @type {number} */ (times[i]));
}

/** @param {readonly number[]} values @param {number} share */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
