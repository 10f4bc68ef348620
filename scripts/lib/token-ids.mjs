/**
 * Seeded token ids for measurements: speed does not depend on which.
 * @param {number} n
 * @param {number} vocabSize
 * @param {number} [seed]
 */
export function tokenIds(n, vocabSize, seed = 1) {
  let state = seed;
  return Int32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % vocabSize;
  });
}
