import type { Model } from "../engine/model.ts";
import { ModelFormatError, UsageError } from "../errors.ts";
import { lossOf } from "./distribution.ts";
import { RunningMean } from "./mean.ts";
import { evaluateWindows } from "./pieces.ts";
import { cutWindows, type Window } from "./windows.ts";

export interface PerplexityOptions {
  /** Tokens per window. Default 512, llama-perplexity's. */
  readonly ctxSize?: number | undefined;
  /** Windows that overlap: each starts so many tokens after the last, and those are scored. */
  readonly stride?: number | undefined;
  /** Windows to score at most. Default: all. */
  readonly chunks?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after every piece of a window. */
  readonly onProgress?: ((progress: PerplexityProgress) => void) | undefined;
}

export interface PerplexityProgress {
  /** Windows done, and in all. */
  readonly done: number;
  readonly total: number;
  /** Of what was scored so far. */
  readonly perplexity: number;
}

/** How well a model predicts a text. */
export interface Perplexity {
  readonly perplexity: number;
  /** As if tokens were predicted independently. */
  readonly standardError: number;
  /** Mean of -log p over the scored tokens, in nats. */
  readonly loss: number;
}

/** What was scored. */
export interface ScoredText {
  /** Tokens of the text, BOS included. */
  readonly tokens: number;
  readonly scored: number;
  /** Windows. */
  readonly chunks: number;
  readonly ctxSize: number;
  /** Null for windows side by side. */
  readonly stride: number | null;
}

export const DEFAULT_WINDOW = 512;

/** Perplexity of a text by the rule of llama-perplexity: windows of `ctxSize` tokens side by side, each
 *  evaluated alone with BOS as its first token (where the model has one); scored are the tokens from
 *  ctxSize/2 + 1 on. What `signal` is aborted with is thrown.
 *  @throws {UsageError}       the text is shorter than a window; a window that the model was not made for
 *  @throws {ModelFormatError} the model computes no numbers */
export async function measurePerplexity(
  model: Model,
  text: string,
  options: PerplexityOptions = {},
): Promise<Perplexity & ScoredText> {
  const { facts, windows } = planText(model, text, options);
  const losses = new RunningMean();
  for await (const piece of evaluateWindows([model], windows, options.signal)) {
    for (const { token, rows } of piece.predictions) {
      for (const row of rows) losses.add(lossOf(row, token));
    }
    const perplexity = Math.exp(losses.mean);
    options.onProgress?.({ done: piece.windowsDone, total: windows.length, perplexity });
  }
  return { ...perplexityOf(losses), ...facts, scored: losses.count };
}

/** @throws {ModelFormatError} losses that are no numbers */
export function perplexityOf(losses: RunningMean): Perplexity {
  if (!Number.isFinite(losses.mean)) throw noNumbers();
  const perplexity = Math.exp(losses.mean);
  // To first order, the error of exp(x) is exp(x) times that of x.
  const standardError = perplexity * losses.standardError;
  return { perplexity, standardError, loss: losses.mean };
}

/** What a model computed that can be no result. */
export function noNumbers(): ModelFormatError {
  return new ModelFormatError("the model computes values that are no numbers", {
    hint: "its file may be damaged, or the scale of an adapter far too large",
  });
}

export interface TextPlan {
  readonly ids: Int32Array;
  readonly windows: readonly Window[];
  readonly facts: Omit<ScoredText, "scored">;
}

/** @throws {UsageError} as `measurePerplexity` */
export function planText(model: Model, text: string, options: PerplexityOptions): TextPlan {
  const { ctxSize = DEFAULT_WINDOW, stride, chunks: most } = options;
  const { contextLength } = model.hparams;
  if (ctxSize > contextLength) {
    throw new UsageError(`windows of ${ctxSize} tokens: the model was made for ${contextLength}`, {
      hint: `pass --ctx-size ${contextLength} or less`,
    });
  }
  const bos = model.tokenizer.addBos ? model.tokenizer.bos : undefined;
  const ids = idsOf(model, text);
  const windows = cutWindows(ids, { size: ctxSize, stride, bos, most });
  const { length: chunks } = windows;
  return { ids, windows, facts: { tokens: ids.length, chunks, ctxSize, stride: stride ?? null } };
}

/** The text with BOS where the model wants one, never with EOS: the text goes on. */
export function idsOf({ tokenizer }: Model, text: string): Int32Array {
  const ids = tokenizer.encode(text, { special: false });
  const { bos } = tokenizer;
  return tokenizer.addBos && bos !== undefined ? Int32Array.from([bos, ...ids]) : ids;
}
