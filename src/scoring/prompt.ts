import { setImmediate as breathe } from "node:timers/promises";
import type { TokenLogprob } from "../engine/binding.ts";
import type { Session } from "../engine/session.ts";
import { ResourceError, UsageError } from "../errors.ts";
import { type LogitsRow, logSumExp } from "./distribution.ts";
import { noNumbers } from "./perplexity.ts";
import { evaluatePieces } from "./pieces.ts";

/** How a model would have predicted a token of a prompt. */
export interface TokenScore {
  /** Natural logarithm of its probability after all tokens before it. */
  readonly logprob: number;
  /** The likeliest tokens in its place, the likeliest first. */
  readonly top: readonly TokenLogprob[];
}

export interface PromptScoring {
  /** Size of the model's vocabulary. */
  readonly width: number;
  /** Alternatives per token. */
  readonly top: number;
  readonly signal: AbortSignal;
}

/** Positions of a large vocabulary take about a millisecond each; others wait no longer than for these. */
const ROWS_AT_ONCE = 8;

/** Scores the tokens of a prompt after its first, as `measurePerplexity` does. The session then holds
 *  the prompt but for its last token, so that to go on from it costs little.
 *  @throws {UsageError}       an id outside the vocabulary
 *  @throws {ResourceError}    the prompt does not fit the context window
 *  @throws {ModelFormatError} the model computes no numbers */
export async function scorePrompt(
  session: Session,
  ids: Int32Array,
  { width, top, signal }: PromptScoring,
): Promise<readonly TokenScore[]> {
  checkPrompt(ids, width, session.contextLength);
  const scores: TokenScore[] = [];
  const windows = [{ ids, firstScored: 1 }];
  for await (const { predictions } of evaluatePieces([session], width, windows, signal)) {
    for (const { token, rows } of predictions) {
      for (const row of rows) scores.push(scoreOf(row, token, top));
      if (scores.length % ROWS_AT_ONCE === 0) await breathe();
    }
  }
  return scores;
}

function scoreOf(row: LogitsRow, token: number, n: number): TokenScore {
  const total = logSumExp(row);
  if (Number.isNaN(total)) throw noNumbers();
  const of = (id: number) => (row.logits[row.row * row.width + id] as number) - total;
  const top = likeliest(row, n).map((id) => ({ token: id, logprob: of(id) }));
  return { logprob: of(token), top };
}

/** Of equals, the one with the lower id comes first. */
function likeliest({ logits, row, width }: LogitsRow, n: number): readonly number[] {
  const values = logits.subarray(row * width, (row + 1) * width);
  const best: number[] = [];
  if (n === 0) return best;
  for (let id = 0; id < width; id++) {
    const value = values[id] as number;
    const last = best[best.length - 1];
    if (best.length === n && last !== undefined && value <= (values[last] as number)) continue;
    if (best.length === n) best.pop();
    let at = best.length;
    while (at > 0 && value > (values[best[at - 1] as number] as number)) at--;
    best.splice(at, 0, id);
  }
  return best;
}

function checkPrompt(ids: Int32Array, width: number, contextLength: number): void {
  const unknown = ids.find((id) => id < 0 || id >= width);
  if (unknown !== undefined) {
    throw new UsageError(`token id ${unknown} is outside the vocabulary of ${width}`);
  }
  if (ids.length <= contextLength) return;
  throw new ResourceError(
    `context is full: ${ids.length} tokens are needed, the window is ${contextLength}`,
  );
}
