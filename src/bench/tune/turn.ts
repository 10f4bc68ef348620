import { median, ratio } from "../stats.ts";

/** Tokens per second, of one pass. */
export interface Speed {
  readonly prompt: number;
  readonly generation: number;
}

/** How many times as fast as the defaults. */
export interface Gain {
  readonly turn: number;
  readonly confidence95: readonly [low: number, high: number];
  readonly prompt: number;
  readonly generation: number;
}

/** A typical turn of a conversation: a prompt and its answer. */
const TURN_PROMPT = 512;
const TURN_ANSWER = 128;

export function turnSeconds({ prompt, generation }: Speed): number {
  return TURN_PROMPT / prompt + TURN_ANSWER / generation;
}

/** @throws {RangeError} fewer than three passes of each */
export function gainOf(now: readonly Speed[], before: readonly Speed[]): Gain {
  const found = ratio(before.map(turnSeconds), now.map(turnSeconds));
  if (found === undefined) throw new RangeError("too few passes");
  const times = (key: keyof Speed) =>
    median(now.map((speed) => speed[key])) / median(before.map((speed) => speed[key]));
  return {
    turn: found.median,
    confidence95: found.confidence95,
    prompt: times("prompt"),
    generation: times("generation"),
  };
}
