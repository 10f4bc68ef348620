import { CancelledError } from "../errors.ts";
import { ApiError, type ErrorKind } from "./api-error.ts";
import type { RequestEnd, ServiceWatcher } from "./watcher.ts";

/** One request's way through the service, as the watchers are told of it. */
export class Progress {
  readonly #watch: Required<ServiceWatcher>;
  readonly #promptTokens: number;
  readonly #askedAt = performance.now();
  #startedAt = 0;
  #lastAt = 0;
  #generated = 0;

  constructor(watch: Required<ServiceWatcher>, promptTokens: number) {
    this.#watch = watch;
    this.#promptTokens = promptTokens;
  }

  queued(): void {
    this.#watch.queued();
  }

  started(): void {
    this.#startedAt = performance.now();
    this.#watch.started(this.#startedAt - this.#askedAt);
  }

  tokens(count: number, cachedTokens: number): void {
    if (count === 0) return;
    const now = performance.now();
    const isFirst = this.#generated === 0;
    if (isFirst) this.#watch.firstToken(now - this.#startedAt, this.#promptTokens, cachedTokens);
    const further = isFirst ? count - 1 : count;
    if (further > 0) this.#watch.tokens(further, isFirst ? 0 : now - this.#lastAt);
    this.#lastAt = now;
    this.#generated += count;
  }

  finished(outcome: RequestEnd["outcome"]): void {
    this.#watch.finished({
      outcome,
      ms: performance.now() - this.#askedAt,
      promptTokens: this.#promptTokens,
      generatedTokens: this.#generated,
    });
  }
}

const REFUSALS: ReadonlySet<ErrorKind> = new Set(["QUEUE_FULL", "RESPONSE_FILTERED"]);

/** What became of a request that ended with `error`. */
export function outcomeOf(error: unknown): RequestEnd["outcome"] {
  if (error instanceof CancelledError) return "cancelled";
  if (!(error instanceof ApiError)) return "error";
  if (error.kind === "TIMEOUT") return "timeout";
  return REFUSALS.has(error.kind) ? "refused" : "error";
}
