import { MAX_VOCABULARY } from "../tokenizer/vocabulary.ts";

/** What a generation may say, token by token. Made by `compileConstraint`; serves any number of
 *  generations, at once and one after another. */
export interface Constraint {
  /** Begins a generation that `stopTokens` end. */
  start(stopTokens: Iterable<number>): TokenMask;
}

/** The constraint of one generation. */
export interface TokenMask {
  /** The ids that may come after the tokens accepted so far: bit id % 32 of word id / 32. Those beyond
   *  the last word may not. No bit at all: the text is whole and nothing can end it but its end.
   *    accepted  all tokens of the generation, those of earlier calls first */
  next(accepted: readonly number[]): Promise<Uint32Array>;
  /** Whether the tokens are a whole text, and not only the beginning of one. */
  isWhole(accepted: readonly number[]): Promise<boolean>;
  /** Ends it, whatever was asked. */
  close(): void;
}

/** The constraint of a text whose beginning has been generated already. */
export function continued(constraint: Constraint, said: readonly number[]): Constraint {
  return {
    start: (stopTokens) => {
      const mask = constraint.start(stopTokens);
      return {
        next: (accepted) => mask.next([...said, ...accepted]),
        isWhole: (accepted) => mask.isWhole([...said, ...accepted]),
        close: () => mask.close(),
      };
    },
  };
}

const BITS = 32;

/** A set of token ids as a mask has it: no ids give no words, which the engine takes as "any". Ids
 *  that no vocabulary has are left out. */
export function tokenSet(ids: Iterable<number>): Uint32Array {
  const isPossible = (id: number) => Number.isInteger(id) && id >= 0 && id < MAX_VOCABULARY;
  const valid = [...ids].filter(isPossible);
  const largest = valid.reduce((a, b) => Math.max(a, b), -1);
  const words = new Uint32Array(Math.ceil((largest + 1) / BITS));
  for (const id of valid) words[id >>> 5] = (words[id >>> 5] as number) | (1 << (id & 31));
  return words;
}
