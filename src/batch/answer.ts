import type { FinishReason } from "../engine/binding.ts";
import type { RequestId } from "./request.ts";

/** What becomes of one request: a line of the output. Fields are only ever added. */
export type BatchAnswer = GivenAnswer | FailedAnswer;

interface AnswerHead {
  readonly id: RequestId;
  /** Of the input, counted from 1. */
  readonly line: number;
}

interface AnswerTail {
  /** Of the request and its settings: a restart tells by it that they are still the same. */
  readonly fingerprint: string;
  readonly metadata?: unknown;
}

export interface GivenAnswer extends AnswerHead, AnswerTail {
  readonly status: "ok";
  readonly response: string;
  readonly finishReason: FinishReason;
  readonly stopText?: string;
  /** With a schema or grammar: whether the response is a whole text of it. */
  readonly complete?: boolean;
  /** Gives the same text again with the same options. */
  readonly seed: number | bigint;
  readonly usage: { readonly promptTokens: number; readonly generatedTokens: number };
  /** Milliseconds from the start of the request; others run beside it. */
  readonly timing: { readonly firstTokenMs: number; readonly totalMs: number };
}

export interface FailedAnswer extends AnswerHead, AnswerTail {
  readonly status: "error";
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}
