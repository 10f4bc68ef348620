/** How well a model predicts a text when its weights are read in one way. */
export interface Reading<T> {
  readonly layout: T;
  /** Mean of -log p over the scored tokens, in nats. */
  readonly loss: number;
}

/** The best reading has to be this much better than the next: half the perplexity. In the wrong order
 *  every weight stands at another place, which costs a trained model several times as much. */
const LEAST_LEAD = Math.log(2);

/** The layout that fits; undefined when none stands out, as with models that were not trained.
 *    vocabSize  whoever guesses has a perplexity of this */
export function fittingLayout<T>(
  readings: readonly Reading<T>[],
  vocabSize: number,
): T | undefined {
  const known = readings.filter(({ loss }) => Number.isFinite(loss));
  const [best, next] = known.toSorted((a, b) => a.loss - b.loss);
  if (!best || !(best.loss < Math.log(vocabSize))) return undefined;
  return next && next.loss - best.loss < LEAST_LEAD ? undefined : best.layout;
}
