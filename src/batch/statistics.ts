import type { BatchAnswer } from "./answer.ts";

/** What a batch did, as `--json` prints it. Fields are only ever added. */
export interface BatchSummary {
  readonly requests: {
    readonly total: number;
    /** Answered by an earlier run. */
    readonly skipped: number;
    readonly ok: number;
    readonly failed: number;
  };
  readonly usage: { readonly promptTokens: number; readonly generatedTokens: number };
  readonly timing: BatchTiming;
  /** Most memory that the process has taken so far. */
  readonly peakMemoryBytes: number;
}

/** Of this run; null where nothing was measured. */
export interface BatchTiming {
  readonly totalMs: number;
  /** From the start of a request to its end, others beside it. */
  readonly meanMs: number | null;
  readonly requestsPerSecond: number | null;
  readonly generatedTokensPerSecond: number | null;
}

/** Adds answers up. */
export class BatchStatistics {
  readonly #startedAt = performance.now();
  #ok = 0;
  #failed = 0;
  #promptTokens = 0;
  #generatedTokens = 0;
  #spentMs = 0;

  add(answer: BatchAnswer): void {
    if (answer.status === "error") {
      this.#failed += 1;
      return;
    }
    this.#ok += 1;
    this.#promptTokens += answer.usage.promptTokens;
    this.#generatedTokens += answer.usage.generatedTokens;
    this.#spentMs += answer.timing.totalMs;
  }

  get answered(): number {
    return this.#ok + this.#failed;
  }

  summary(skipped: number): BatchSummary {
    const totalMs = performance.now() - this.#startedAt;
    const perSecond = (n: number) => (n > 0 ? round((n * 1000) / totalMs) : null);
    return {
      requests: {
        total: skipped + this.answered,
        skipped,
        ok: this.#ok,
        failed: this.#failed,
      },
      usage: { promptTokens: this.#promptTokens, generatedTokens: this.#generatedTokens },
      timing: {
        totalMs: round(totalMs),
        meanMs: this.#ok > 0 ? round(this.#spentMs / this.#ok) : null,
        requestsPerSecond: perSecond(this.answered),
        generatedTokensPerSecond: perSecond(this.#generatedTokens),
      },
      peakMemoryBytes: process.resourceUsage().maxRSS * KIBIBYTE,
    };
  }
}

/** `maxRSS` is in kibibytes on every system. */
const KIBIBYTE = 1024;

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
