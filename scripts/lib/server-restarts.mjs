// Kills a `bitnet serve` in the middle of its work and starts it again, time after time.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mixedRequests, startServer, streamChat } from "./server-client.mjs";

/** Of load, before a kill. */
const LONGEST_MS = 2000;
const RETRY_MS = 50;

/**
 * Clients ask without a pause while the server is killed again and again; whoever got no answer asks the
 * next one. At last the server is told to stop under load, and has to answer whom it has let in.
 * @param {readonly string[]} args  of the server
 * @param {{ kills: number, clients: number, next: () => number }} options
 *   next  random numbers from 0 to 1
 * @returns {Promise<string>} what happened
 * @throws {Error} an answer that is not the one that the same request has alone; half a line in a log
 */
export async function restarts(args, { kills, clients, next }) {
  const folder = mkdtempSync(join(tmpdir(), "bitnet-restarts-"));
  try {
    const audit = join(folder, "audit.log");
    const first = [...args, "--audit-log", audit];
    let server = await startServer(first);
    const { url } = server;
    const again = [...first, "--port", new URL(url).port];
    const load = new Load(url, mixedRequests(next));
    await load.begin();
    const work = Promise.all(Array.from({ length: clients }, () => load.insist(next)));
    work.catch(() => undefined); // met below
    for (let i = 0; i < kills; i++) {
      await Promise.race([work, load.running()]);
      await sleep(next() * LONGEST_MS);
      if ((await server.stop("SIGKILL")) !== null) throw new Error("the server ended by itself");
      server = await startServer(again);
    }
    await Promise.race([work, load.running()]);
    load.isEnding = true;
    const status = await server.stop();
    await work;
    if (status !== 0) throw new Error(`the server ended with status ${status}`);
    const { answers, cut } = load;
    return `${kills} kills: ${answers} answers as alone, ${cut} requests without one, ${linesOf(audit)} whole lines in the audit log`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Clients that ask, and ask again. */
class Load {
  answers = 0;
  /** Requests that got no answer, or the beginning of one. */
  cut = 0;
  /** Nobody asks any more. */
  isEnding = false;
  #url;
  #kinds;
  /** @type {string[]} */
  #alone = [];

  /** @param {string} url @param {readonly object[]} kinds  requests */
  constructor(url, kinds) {
    this.#url = url;
    this.#kinds = kinds;
  }

  /** Notes what each request gets alone. */
  async begin() {
    for (const kind of this.#kinds) this.#alone.push(textOf(await streamChat(this.#url, kind)));
  }

  /** Resolves when another answer has come. */
  async running() {
    const before = this.answers;
    while (this.answers === before) await sleep(RETRY_MS);
  }

  /** Asks for one answer after the other.
   * @param {() => number} next */
  async insist(next) {
    while (!this.isEnding) {
      const i = Math.floor(next() * this.#kinds.length);
      const text = await this.#answer(this.#kinds[i] ?? {});
      if (text === undefined) continue;
      if (text !== this.#alone[i]) {
        throw new Error(`another answer than alone: ${text}\n${this.#alone[i]}`);
      }
      this.answers += 1;
    }
  }

  /** @param {object} kind */
  async #answer(kind) {
    while (!this.isEnding) {
      try {
        return textOf(await streamChat(this.#url, kind));
      } catch (error) {
        if (!isNoAnswer(error)) throw error;
        this.cut += 1;
        await sleep(RETRY_MS);
      }
    }
    return undefined;
  }
}

/** @param {import("./server-client.mjs").Streamed} answer */
const textOf = ({ text, finish }) => `${text}\n${finish}`;

/** A connection that is cut or refused, a server that is loading: all else is a fault.
 * @param {unknown} error */
function isNoAnswer(error) {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return (
    ["ECONNRESET", "ECONNREFUSED", "EPIPE"].includes(code) ||
    /model_loading|server_stopping/.test(error.message)
  );
}

/** How many lines a log has, all of them whole.
 * @param {string} path */
function linesOf(path) {
  const lines = readFileSync(path, "utf8").split("\n");
  if (lines.pop() !== "") throw new Error("the audit log ends with half a line");
  for (const line of lines) JSON.parse(line);
  if (lines.length === 0) throw new Error("the audit log is empty");
  return lines.length;
}
