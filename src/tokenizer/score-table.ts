import { ModelFormatError } from "../errors.ts";
import { MAX_RANKS, type MergeRules, NO_MERGE } from "./merge-rules.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Merging by scores, as SentencePiece has it: any two neighbours merge whose concatenation is a
 *  token, the token with the highest score first. Equal scores have equal ranks. */
export class ScoreTable implements MergeRules {
  readonly #vocabulary: Vocabulary;
  /** By id; -1 for tokens that cannot merge (byte tokens, special ones). */
  readonly #ranks: Int32Array;

  /** @param scores  by id
   *  @throws {ModelFormatError} not one finite score for each token */
  constructor(vocabulary: Vocabulary, scores: ArrayLike<number>) {
    if (scores.length !== vocabulary.size) {
      const found = `${vocabulary.size} tokens, but ${scores.length} scores`;
      throw new ModelFormatError(`vocabulary: ${found}`);
    }
    this.#vocabulary = vocabulary;
    this.#ranks = ranksOf(scores);
    for (let id = 0; id < vocabulary.size; id++) {
      if (!vocabulary.isMergeable(id)) this.#ranks[id] = -1;
    }
  }

  rank(left: number, right: number): number {
    if ((this.#ranks[left] as number) < 0 || (this.#ranks[right] as number) < 0) return NO_MERGE;
    const id = this.#vocabulary.findJoined(left, right);
    return id < 0 ? NO_MERGE : (this.#ranks[id] as number);
  }

  result(_rank: number, left: number, right: number): number {
    return this.#vocabulary.findJoined(left, right);
  }
}

/** Ranks by id: 0 for the highest score. */
function ranksOf(scores: ArrayLike<number>): Int32Array {
  const sorted = Float64Array.from(scores);
  const bad = sorted.findIndex((score) => !Number.isFinite(score));
  if (bad >= 0) throw new ModelFormatError(`vocabulary: token ${bad} has score ${sorted[bad]}`);
  sorted.sort();
  let distinct = 0;
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[distinct++] = sorted[i] as number;
  }
  if (distinct > MAX_RANKS) throw new ModelFormatError(`vocabulary: ${distinct} scores`);
  return Int32Array.from(scores, (score) => distinct - 1 - indexOf(sorted, distinct, score));
}

/** Where `value` stands in the first `count` of ascending values. */
function indexOf(sorted: Float64Array, count: number, value: number): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
