import { randomUUID } from "node:crypto";
import type { FinishReason } from "../../engine/binding.ts";

/** What all objects of an answer begin with. */
export interface AnswerHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

export function answerHead(prefix: string, model: string): AnswerHead {
  const id = `${prefix}-${randomUUID().replaceAll("-", "")}`;
  return { id, created: Math.floor(Date.now() / 1000), model };
}

/** OpenAI's word: a full context window is a lack of room like any other. */
export function finishReason(reason: FinishReason): "stop" | "length" {
  return reason === "stop" ? "stop" : "length";
}
