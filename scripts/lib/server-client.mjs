// Clients of a `bitnet serve` under load.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../bin/bitnet.js", import.meta.url));

/**
 * @typedef {object} Server
 * @property {string} url
 * @property {() => number} rssBytes
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
  const ended = new Promise((resolve) => child.on("exit", resolve));
  /** @type {string} */
  const url = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (more) => {
      text += more;
      if (text.endsWith("}\n")) resolve(JSON.parse(text).url);
    });
    void ended.then(() => reject(new Error("the server did not start")));
  });
  return {
    url,
    rssBytes: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
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

/**
 * Asks for a streamed answer and notes when its parts come.
 * @param {string} url
 * @param {object} body       of /v1/chat/completions
 * @param {number} [leaveAt]  leave after so many parts
 * @returns {Promise<Streamed>}
 */
export async function streamChat(url, body, leaveAt = Number.POSITIVE_INFINITY) {
  const controller = new AbortController();
  const startedAt = performance.now();
  /** @type {Streamed} */
  const answer = { text: "", finish: "left", tokens: 0, startedAt, times: [] };
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal: controller.signal,
  });
  if (!response.ok || !response.body) throw new Error(await response.text());
  for await (const event of eventsOf(response.body)) {
    if (event.error) throw new Error(event.error.message);
    answer.tokens = event.usage?.completion_tokens ?? answer.tokens;
    const [choice] = event.choices;
    if (choice?.finish_reason) answer.finish = choice.finish_reason;
    if (!choice?.delta.content) continue;
    answer.text += choice.delta.content;
    answer.times.push(performance.now());
    // Leaving the loop gives up the body; to wait for an abort to end it can take for ever.
    if (answer.times.length >= leaveAt) break;
  }
  controller.abort();
  return answer;
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

/** @param {AsyncIterable<Uint8Array>} body */
async function* eventsOf(body) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const events = rest.split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const json = event.slice("data: ".length);
      if (json !== "[DONE]") yield JSON.parse(json);
    }
  }
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
