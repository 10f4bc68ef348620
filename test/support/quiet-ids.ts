import { seededRandom } from "./random.ts";
import { referenceModel } from "./reference.ts";
import type { Activations } from "./reference-inputs.ts";

/** An engine in single precision that reproduces the reference is off by about 1e-5 of a code. */
const QUIET = 4e-5;
const MOST_TRIES = 200;

/** Token ids for which no activation of the reference is near a rounding tie, where single precision may
 *  choose the other code: what follows is comparable with double precision. */
export function quietIds(dir: string, length: number, activations: Activations): number[] {
  let nearest = 0;
  const watchTies = (distance: number): void => {
    nearest = Math.min(nearest, distance);
  };
  const model = referenceModel(dir, { activations, watchTies });
  for (let seed = 1; seed <= MOST_TRIES; seed++) {
    const random = seededRandom(seed);
    const ids = Array.from({ length }, () => random(model.vocabSize));
    nearest = Number.POSITIVE_INFINITY;
    model.hidden(ids);
    if (nearest > QUIET) return ids;
  }
  throw new Error(`${dir}: every sequence of ${MOST_TRIES} has a code near a tie`);
}
