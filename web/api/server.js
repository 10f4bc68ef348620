import { ApiError, ConnectionError } from "./problems.js";

/** @import { Client } from "./client.js" */
/**
 * @typedef {object} ServerState
 * @property {"connecting" | "loading" | "ready" | "draining" | "away"} phase
 * @property {string} model
 * @property {number} active    requests that are being answered
 * @property {number} queued    requests that wait
 * @property {number | undefined} memory  bytes; undefined: the server does not tell
 */

const CALM_MS = 5000;
const BUSY_MS = 1000;
/** The server bounds how often it tells its figures. */
const MEMORY_MS = 15_000;

/** Asks the server now and then how it is, more often while someone waits for it. */
export class ServerWatch {
  /** @type {ServerState} */
  state = { phase: "connecting", model: "", active: 0, queued: 0, memory: undefined };
  #client;
  #changed;
  #isBusy;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Who waits for the server. @type {Set<() => void>} */
  #waiting = new Set();
  #memoryAt = Number.NEGATIVE_INFINITY;
  /** The key with which the server did not tell its memory. @type {string | undefined} */
  #refusedKey;

  /**
   * @param {Client} client
   * @param {{ changed: (state: ServerState) => void, isBusy: () => boolean }} hooks
   */
  constructor(client, { changed, isBusy }) {
    this.#client = client;
    this.#changed = changed;
    this.#isBusy = isBusy;
  }

  start() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.check();
    });
    void this.check();
  }

  /** Asks now, and goes on from there. */
  async check() {
    clearTimeout(this.#timer);
    const state = await this.#ask();
    const wasReady = this.state.phase === "ready";
    this.state = state;
    this.#changed(state);
    if (state.phase === "ready") {
      for (const resolve of this.#waiting) resolve();
      this.#waiting.clear();
    }
    const soon = state.phase !== "ready" || !wasReady || this.#isBusy();
    clearTimeout(this.#timer);
    // A tab that nobody sees asks nothing, unless an answer waits for the server.
    if (document.hidden && this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => void this.check(), soon ? BUSY_MS : CALM_MS);
  }

  /** Resolves once the server answers requests. @param {AbortSignal} signal @returns {Promise<void>} */
  whenReady(signal) {
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      signal.addEventListener("abort", () => {
        this.#waiting.delete(resolve);
        reject(signal.reason);
      });
      void this.check();
    });
  }

  /** @returns {Promise<ServerState>} */
  async #ask() {
    const before = this.state;
    try {
      const health = await this.#client.health();
      const { status: phase, model = before.model, active = 0, queued = 0 } = health;
      const memory = phase === "ready" ? await this.#memory() : before.memory;
      return { phase, model, active, queued, memory };
    } catch {
      return { ...before, phase: "away", active: 0, queued: 0 };
    }
  }

  async #memory() {
    const { key } = this.#client;
    const now = performance.now();
    if (key === this.#refusedKey || now - this.#memoryAt < MEMORY_MS) return this.state.memory;
    try {
      const stats = await this.#client.get("v1/stats?window=1m");
      if (stats.now) this.#memoryAt = now;
      return stats.now?.rss_bytes ?? undefined;
    } catch (error) {
      if (error instanceof ConnectionError) throw error;
      // No key, or no statistics: asking again would change nothing.
      if (error instanceof ApiError && error.status !== 429) this.#refusedKey = key;
      return undefined;
    }
  }
}
