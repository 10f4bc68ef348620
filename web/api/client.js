import { ApiError, ConnectionError, detailsOf, errorOf } from "./problems.js";
import { eventsOf } from "./sse.js";

/** @import { ChatRequest } from "../chat/request.js" */
/**
 * @typedef {{ promptTokens: number, tokens: number, cachedTokens: number }} Usage
 * @typedef {{ text: string, finish?: string | undefined, usage?: Usage | undefined }} Piece
 */

const KEY_NAME = "bitnet.key";

/** Everything that the page asks of the server. */
export class Client {
  /** @param {string} base address of the page, with its folder */
  constructor(base) {
    this.base = base;
  }

  /** Kept until the tab is closed, and in no other place. */
  get key() {
    return sessionStorage.getItem(KEY_NAME) ?? "";
  }

  set key(key) {
    if (key === "") sessionStorage.removeItem(KEY_NAME);
    else sessionStorage.setItem(KEY_NAME, key);
  }

  /** @param {string} path @returns {Promise<any>} */
  async get(path) {
    const response = await this.#ask(path, {});
    if (!response.ok) throw await errorOf(response);
    return jsonOf(response);
  }

  /** How the server is; one that is not ready tells so with 503. @returns {Promise<any>} */
  async health() {
    return jsonOf(await this.#ask("health", {}));
  }

  /**
   * An answer, piece by piece. The first is empty: it says that the server has begun.
   * @param {ChatRequest} request
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Piece, void, undefined>}
   */
  async *chat(request, signal) {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(request);
    const response = await this.#ask("v1/chat/completions", {
      method: "POST",
      headers,
      body,
      signal,
    });
    if (!response.ok || !response.body) throw await errorOf(response);
    yield { text: "" };
    let complete = false;
    for await (const data of guarded(eventsOf(response.body))) {
      if (data === "[DONE]") complete = true;
      else yield pieceOf(JSON.parse(data));
    }
    if (!complete) throw new ConnectionError("the answer ended before its end");
  }

  /** @param {string} path @param {RequestInit} options */
  async #ask(path, options) {
    const headers = {
      ...options.headers,
      ...(this.key && { authorization: `Bearer ${this.key}` }),
    };
    try {
      return await fetch(new URL(path, this.base), { ...options, headers, cache: "no-store" });
    } catch (error) {
      throw connectionError(error);
    }
  }
}

/** @param {Response} response @returns {Promise<any>} */
async function jsonOf(response) {
  try {
    return await response.json();
  } catch (error) {
    throw new ConnectionError(error);
  }
}

/** @param {AsyncGenerator<string, void, undefined>} events */
async function* guarded(events) {
  try {
    yield* events;
  } catch (error) {
    throw connectionError(error);
  }
}

/** A request that was given up stays that. @param {unknown} error */
function connectionError(error) {
  const isAbort = error instanceof DOMException && error.name === "AbortError";
  return isAbort ? error : new ConnectionError(error);
}

/** @param {any} chunk @returns {Piece} */
function pieceOf(chunk) {
  if (chunk.error) throw new ApiError(500, detailsOf(chunk));
  const choice = chunk.choices?.[0];
  const usage = chunk.usage && {
    promptTokens: chunk.usage.prompt_tokens ?? 0,
    tokens: chunk.usage.completion_tokens ?? 0,
    cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
  };
  return { text: choice?.delta?.content ?? "", finish: choice?.finish_reason ?? undefined, usage };
}
