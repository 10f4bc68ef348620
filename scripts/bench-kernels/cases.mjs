// The products of a model's shape, each shape once.

/**
 * @typedef {object} ModelShape
 * @property {string} model
 * @property {number} dModel
 * @property {number} dFf
 * @property {number} nHeads
 * @property {number} nKvHeads
 * @property {number} headDim
 * @property {number} vocabSize
 * @property {string} head    encoding of the output head, or `ternary`
 * @property {number} group   weights that share a scale; 0: one scale, activations per token
 *
 * @typedef {object} Case
 * @property {string} model
 * @property {string} label
 * @property {{ what: string }} what  for `measure` of the bench addon
 */

/** Rows of logits that the engine computes together at most. */
const MOST_HEAD_ROWS = 32;

/**
 * @param {ModelShape} shape
 * @param {{ ms: readonly number[], depths: readonly number[], kvType: string }} options
 *   ms: activation rows of a product; a prompt of the last one's length is attention's
 * @returns {Case[]}
 */
export function casesOf(shape, { ms, depths, kvType }) {
  const { model, dModel, dFf, nHeads, nKvHeads, headDim, vocabSize, head, group } = shape;
  const matrices = [
    { name: "q", n: nHeads * headDim, k: dModel },
    { name: "k v", n: nKvHeads * headDim, k: dModel },
    { name: "o", n: dModel, k: nHeads * headDim },
    { name: "gate up", n: dFf, k: dModel },
    { name: "down", n: dModel, k: dFf },
    ...(head === "ternary" ? [{ name: "head", n: vocabSize, k: dModel }] : []),
  ];
  const ternary = ms.flatMap((m) =>
    uniqueShapes(matrices)
      .filter(({ name }) => m === 1 || name !== "head")
      .map(({ name, n, k }) => ({
        label: `${name} ${n} x ${k}, m ${m}`,
        what: { what: "ternary", n, k, m, group },
      })),
  );
  const heads =
    head === "ternary"
      ? []
      : ms
          .filter((m) => m <= MOST_HEAD_ROWS)
          .map((m) => ({
            label: `head ${vocabSize} x ${dModel}, m ${m}`,
            what: { what: "head", type: head, n: vocabSize, k: dModel, m },
          }));
  const attention = { what: "attention", kvType, nHeads, nKvHeads, headDim };
  const decodes = depths.map((depth) => ({
    label: `attention ${kvType}, depth ${depth}`,
    what: { ...attention, depth, m: 1 },
  }));
  const prompts = ms
    .filter((m) => m > 1)
    .map((m) => ({
      label: `attention ${kvType}, prompt ${m}`,
      what: { ...attention, depth: 0, m },
    }));
  return [...ternary, ...heads, ...decodes, ...prompts].map((one) => ({ model, ...one }));
}

/** @param {{ name: string, n: number, k: number }[]} matrices */
function uniqueShapes(matrices) {
  /** @type {Map<string, { name: string, n: number, k: number }>} */
  const unique = new Map();
  for (const { name, n, k } of matrices) {
    const key = `${n} ${k}`;
    const same = unique.get(key);
    unique.set(key, { name: same ? `${same.name} ${name}` : name, n, k });
  }
  return [...unique.values()];
}
