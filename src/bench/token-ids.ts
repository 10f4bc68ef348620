/** Seeded token ids for measurements: speed does not depend on which. */
export function tokenIds(n: number, vocabSize: number, seed = 1): Int32Array {
  let state = seed;
  return Int32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    return (state >>> 8) % vocabSize;
  });
}
