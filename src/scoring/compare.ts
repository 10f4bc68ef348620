import type { Model } from "../engine/model.ts";
import { UsageError } from "../errors.ts";
import { divergence } from "./distribution.ts";
import { RunningMean } from "./mean.ts";
import {
  idsOf,
  type Perplexity,
  type PerplexityOptions,
  perplexityOf,
  planText,
  type ScoredText,
} from "./perplexity.ts";
import { evaluateWindows } from "./pieces.ts";

/** The reference's perplexity, the other's, and how far their predictions are apart. */
export interface Comparison extends Perplexity, ScoredText {
  readonly other: Perplexity;
  readonly divergence: {
    /** KL(reference || other) over the scored tokens, in nats. */
    readonly klMean: number;
    readonly klStandardError: number;
    readonly klMax: number;
    /** Share of tokens for which both think the same one likeliest. */
    readonly top1Agreement: number;
    /** Largest change of any token's probability anywhere. */
    readonly maxProbabilityShift: number;
  };
}

/** Compares two files of the same model by what they predict for a text.
 *  @throws {UsageError} as `measurePerplexity`, or models with different vocabularies */
export async function compareModels(
  reference: Model,
  other: Model,
  text: string,
  options: PerplexityOptions = {},
): Promise<Comparison> {
  const { facts, windows, ids } = planText(reference, text, options);
  checkVocabularies(reference, other, ids, text);
  const losses = { reference: new RunningMean(), other: new RunningMean() };
  const kl = new RunningMean();
  const shift = new RunningMean();
  const agreement = new RunningMean();
  for await (const piece of evaluateWindows([reference, other], windows, options.signal)) {
    for (const { token, rows } of piece.predictions) {
      const [p, q] = rows;
      if (!p || !q) throw new Error("two models give two rows");
      const found = divergence(p, q, token);
      losses.reference.add(found.referenceLoss);
      losses.other.add(found.otherLoss);
      kl.add(found.kl);
      shift.add(found.maxShift);
      agreement.add(found.sameTop ? 1 : 0);
    }
    const perplexity = Math.exp(losses.reference.mean);
    options.onProgress?.({ done: piece.windowsDone, total: windows.length, perplexity });
  }
  return {
    ...perplexityOf(losses.reference),
    ...facts,
    scored: losses.reference.count,
    other: perplexityOf(losses.other),
    divergence: {
      klMean: kl.mean,
      klStandardError: kl.standardError,
      klMax: kl.max,
      top1Agreement: agreement.mean,
      maxProbabilityShift: shift.max,
    },
  };
}

function checkVocabularies(reference: Model, other: Model, ids: Int32Array, text: string): void {
  const same = reference.hparams.vocabSize === other.hparams.vocabSize;
  const otherIds = same ? idsOf(other, text) : [];
  if (ids.length === otherIds.length && ids.every((id, i) => id === otherIds[i])) return;
  throw new UsageError(`${other.path} has another vocabulary than ${reference.path}`, {
    hint: "compare files of the same model",
  });
}
