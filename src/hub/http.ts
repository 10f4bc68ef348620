import { setTimeout as sleep } from "node:timers/promises";
import { BitnetError, NetworkError } from "../errors.ts";
import { isPassing, refusal, retryAfterMs } from "./refusals.ts";

/** How the hub is reached; the caller reads the environment. */
export interface HubAccess {
  /** Address of the hub, without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told before each wait: what went wrong, and for how long. */
  readonly onRetry?: ((reason: string, waitMs: number) => void) | undefined;
}

/** Requests without progress that are made before giving up. */
export const MOST_ATTEMPTS = 6;
/** The first wait; each further one is twice as long. */
const FIRST_WAIT_MS = 500;
/** A hub that asks for more patience than this is given up on. */
const LONGEST_WAIT_MS = 120_000;
/** A connection that says nothing for so long is taken for dead. */
export const STALL_MS = 30_000;

/** Requests to one hub, about one repository: with the token, with retries, with our errors. */
export class HubHttp {
  readonly repo: string;
  readonly access: HubAccess;
  readonly #options: RequestOptions;

  constructor(access: HubAccess, repo: string, options: RequestOptions = {}) {
    this.access = access;
    this.repo = repo;
    this.#options = options;
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** `fetch` for small documents: an answer that is not one of success is an error of ours.
   *  @throws {NotFoundError} no such repository, revision or file, or no access to it
   *  @throws {NetworkError}  no usable answer after all attempts */
  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = String(input instanceof Request ? input.url : input);
    for (let attempt = 1; ; attempt += 1) {
      // Not AbortSignal.timeout: Node 20 forgets one that only AbortSignal.any refers to.
      const deadline = new AbortController();
      const timer = setTimeout(
        () => deadline.abort(new DOMException("no bytes", "TimeoutError")),
        STALL_MS,
      );
      try {
        const { status, headers, body } = await this.request(url, init, deadline.signal);
        // Read here, so that a connection cut in the middle is tried again as well.
        return new Response(await new Response(body).arrayBuffer(), { status, headers });
      } catch (error) {
        await this.wait(error, attempt);
      } finally {
        clearTimeout(timer);
      }
    }
  };

  /** One request, without retries. `stop` ends it, beside the caller's own signal. */
  async request(url: string, init: RequestInit, stop: AbortSignal): Promise<Response> {
    const signals = this.signal ? [this.signal, stop] : [stop];
    const headers = new Headers(init.headers);
    headers.set("user-agent", "bitnet");
    if (this.access.token !== undefined && this.#isHub(url)) {
      headers.set("authorization", `Bearer ${this.access.token}`); // dropped by fetch on other hosts
    }
    const response = await fetch(url, { ...init, headers, signal: AbortSignal.any(signals) });
    if (response.ok) return response;
    throw await refusal(response, { repo: this.repo, token: this.access.token !== undefined });
  }

  /** Waits before the next attempt, or throws what must not or cannot be tried again. */
  async wait(error: unknown, attempt: number): Promise<void> {
    this.signal?.throwIfAborted();
    if (error instanceof BitnetError && !isPassing(error)) throw error;
    const asked = retryAfterMs(error);
    const wait = asked ?? FIRST_WAIT_MS * 2 ** (attempt - 1);
    const reason = reasonOf(error);
    if (attempt >= MOST_ATTEMPTS || wait > LONGEST_WAIT_MS) {
      const times = attempt === 1 ? "" : ` after ${attempt} attempts`;
      throw new NetworkError(`${this.access.endpoint}: ${reason}${times}`, {
        hint: "run the same command again later: what is there already is not fetched again",
        cause: error,
      });
    }
    this.#options.onRetry?.(reason, wait);
    await sleep(wait, undefined, { signal: this.signal }).catch(() =>
      this.signal?.throwIfAborted(),
    );
  }

  #isHub(url: string): boolean {
    return new URL(url).origin === new URL(this.access.endpoint).origin;
  }
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer for ${STALL_MS / 1000} s`;
  const { cause } = error;
  const inner =
    cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : "";
  return inner || error.message;
}
