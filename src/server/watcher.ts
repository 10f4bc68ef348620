/** Told what the service does, request by request: metrics and snapshots are watchers. Calls come in
 *  this order; a refused request has `finished` alone. Times are milliseconds. */
export interface ServiceWatcher {
  /** No place was free. */
  queued?(): void;
  /** It has a place, after waiting so long. */
  started?(waitedMs: number): void;
  /** From its place to its first token; `cachedTokens` of the prompt need not be evaluated. */
  firstToken?(ms: number, promptTokens: number, cachedTokens: number): void;
  /** Tokens after the first, and the time since those before them. */
  tokens?(count: number, sinceLastMs: number): void;
  finished?(end: RequestEnd): void;
}

export interface RequestEnd {
  readonly outcome: "ok" | "error" | "cancelled" | "timeout" | "refused";
  /** Waiting included. */
  readonly ms: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** Calls all of `watchers`. */
export function watchAll(watchers: readonly ServiceWatcher[]): Required<ServiceWatcher> {
  return {
    queued: () => watchers.forEach((one) => void one.queued?.()),
    started: (ms) => watchers.forEach((one) => void one.started?.(ms)),
    firstToken: (...facts) => watchers.forEach((one) => void one.firstToken?.(...facts)),
    tokens: (...facts) => watchers.forEach((one) => void one.tokens?.(...facts)),
    finished: (end) => watchers.forEach((one) => void one.finished?.(end)),
  };
}
