import { ApiError, ConnectionError, explain } from "../api/problems.js";
import { Meter } from "./meter.js";
import { requestFor } from "./request.js";

/** @import { Client } from "../api/client.js" */
/** @import { Problem } from "../api/problems.js" */
/** @import { Conversation, Message, MessageState } from "./conversation.js" */
/**
 * What a run waits for: a free place, the prompt's evaluation, a server that is away or refuses for
 * now, a key; or it is writing.
 * @typedef {"queued" | "reading" | "writing" | "away" | "refused" | "locked"} RunPhase
 *
 * @typedef {object} RunHost
 * @property {Client} client
 * @property {() => string} model                           name to ask for
 * @property {(signal: AbortSignal) => Promise<void>} whenReady  resolves once the server is there
 * @property {() => Promise<boolean>} askKey                false: the person has none
 * @property {(run: Run) => void} changed                   called after every change
 */

const MAX_TRIES = 6;

/** One answer being written, from the question to its end. */
export class Run {
  #host;
  #controller = new AbortController();

  /** @param {RunHost} host @param {Conversation} conversation @param {Message} message the answer */
  constructor(host, conversation, message) {
    this.#host = host;
    this.conversation = conversation;
    this.message = message;
    /** @type {RunPhase} */
    this.phase = "queued";
    /** When a refused request is sent again. */
    this.retryAt = 0;
  }

  stop() {
    this.#controller.abort();
  }

  /** Writes the answer; never rejects. @returns {Promise<void>} */
  async write() {
    let tries = 1;
    while (!(await this.#isOver(tries))) tries += 1;
  }

  /** Asks once. False: it makes sense to ask again, and now is the time. @param {number} tries */
  async #isOver(tries) {
    try {
      await this.#ask();
      this.#end("done");
    } catch (error) {
      const began = this.message.content !== "";
      if (!began && tries < MAX_TRIES && (await this.#mayAskAgain(error))) return false;
      if (this.#controller.signal.aborted) this.#end("stopped");
      else this.#end(began ? "interrupted" : "failed", explain(error));
    }
    return true;
  }

  async #ask() {
    const { conversation, message } = this;
    const { client, model } = this.#host;
    const meter = new Meter(performance.now());
    /** @type {import("../api/client.js").Usage | undefined} */
    let usage;
    let finish = "";
    this.#enter("queued");
    const request = requestFor(conversation, message.parent, model());
    for await (const piece of client.chat(request, this.#controller.signal)) {
      usage = piece.usage ?? usage;
      finish = piece.finish ?? finish;
      if (piece.text !== "") {
        meter.count(performance.now());
        message.content += piece.text;
      }
      const stats = meter.stats(usage, finish);
      if (stats) message.stats = stats;
      this.#enter(message.content === "" ? "reading" : "writing");
    }
  }

  /** Waits until it makes sense to ask again. @param {unknown} error */
  async #mayAskAgain(error) {
    const { signal } = this.#controller;
    if (signal.aborted) return false;
    const isAway = error instanceof ApiError && error.status === 503;
    if (error instanceof ConnectionError || isAway) {
      this.#enter("away");
      return this.#host.whenReady(signal).then(succeeded, failed);
    }
    if (!(error instanceof ApiError)) return false;
    if (error.status === 401) {
      this.#enter("locked");
      return this.#host.askKey();
    }
    if (error.retryAfter === undefined) return false;
    this.retryAt = Date.now() + 1000 * error.retryAfter;
    this.#enter("refused");
    return pause(1000 * error.retryAfter, signal).then(succeeded, failed);
  }

  /** @param {RunPhase} phase */
  #enter(phase) {
    this.phase = phase;
    this.#host.changed(this);
  }

  /** @param {MessageState} state @param {Problem} [problem] */
  #end(state, problem) {
    this.message.state = state;
    if (problem) this.message.problem = problem;
    this.#host.changed(this);
  }
}

const succeeded = () => true;
const failed = () => false;

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
