// A random model as a list of tensors that can be written to any container.
import { headDimOf } from "./families.mjs";
import { gaussianTable, normWeights, packedTrits, scaleNear, tableStream } from "./weights.mjs";

/** @typedef {import("./presets.mjs").Shape} Shape */

/** @typedef {object} NormTensor
 *  @property {"norm"} role @property {string} hf @property {string} gguf @property {number} cols
 *  @property {() => { bf16: Uint16Array, f32: Float32Array }} weights */

/** @typedef {object} TernaryTensor
 *  @property {"ternary"} role @property {string} hf @property {string} gguf
 *  @property {number} rows @property {number} cols
 *  @property {number} scale mean |weight|, exact in bf16
 *  @property {() => Uint8Array} packed bytes [rows / 4, cols] */

/** @typedef {object} EmbeddingTensor
 *  @property {"embedding"} role @property {string} hf @property {string} gguf
 *  @property {number} rows @property {number} cols
 *  @property {{ bf16: Uint16Array, f16: Uint16Array }} table
 *  @property {(table: Uint16Array, blockRows: number) => Iterable<Uint16Array>} blocks whole rows at
 *    a time, looked up in one of the two tables; the array is reused */

/** @typedef {NormTensor | TernaryTensor | EmbeddingTensor} Tensor */

/** Embeddings of this norm give logits with a standard deviation of about 2. */
const EMBEDDING_NORM = 2;

/** Mean square of a uniformly drawn trit. */
const TRIT_POWER = 2 / 3;

/** The tensors of a model in file order. Scales keep every activation near unit size, and the sum of
 *  all layers' contributions to the residual stream as well.
 *  @param {Shape} shape @param {number} seed @param {import("./families.mjs").Family} family
 *  @returns {Tensor[]} */
export function modelTensors(shape, seed, family) {
  const { architecture, tied, inputNorms } = family;
  const headDim = headDimOf(shape);
  const dims = {
    ...shape,
    headDim,
    qRows: headDim * shape.nHeads,
    kvRows: headDim * shape.nKvHeads,
  };
  const make = (rule, layer) => {
    const fill = (pattern) => `${pattern.replace("{n}", String(layer))}.weight`;
    // Names of models without a head have no prefix, and a head has none either.
    const prefix = inputNorms || rule === architecture.head ? "" : "model.";
    const names = { hf: `${prefix}${fill(rule.name)}`, gguf: fill(rule.gguf) };
    const sizes = rule.shape.map((dim) => dims[dim]);
    return MAKERS[rule.role](names, sizes, seed, { ...shape, plusOne: rule.plusOne });
  };
  const isMade = (rule) => !rule.optional || inputNorms;
  const layers = Array.from({ length: shape.nLayers }, (_, n) =>
    architecture.layer.filter(isMade).map((rule) => make(rule, n)),
  );
  return [
    ...architecture.before.map((rule) => make(rule, 0)),
    ...layers.flat(),
    ...architecture.after.map((rule) => make(rule, 0)),
    ...(tied ? [] : [make(architecture.head, 0)]),
  ];
}

const MAKERS = {
  norm: (names, [cols], seed, { plusOne }) => ({
    role: "norm",
    ...names,
    cols,
    weights: () => normWeights(seed, names.gguf, cols, plusOne ? 0 : 1),
  }),
  ternary: (names, [rows, cols], seed, { nLayers }) => {
    const isResidual = /attn_output|ffn_down/.test(names.gguf);
    const gain = isResidual ? 1 / Math.sqrt(2 * nLayers) : 1;
    return {
      role: "ternary",
      ...names,
      rows,
      cols,
      scale: scaleNear(seed, names.gguf, gain / Math.sqrt(TRIT_POWER * cols)),
      packed: () => packedTrits(seed, names.gguf, (rows / 4) * cols),
    };
  },
  embedding: (names, [rows, cols], seed) => ({
    role: "embedding",
    ...names,
    rows,
    cols,
    table: gaussianTable(EMBEDDING_NORM / Math.sqrt(cols)),
    *blocks(table, blockRows) {
      const stream = tableStream(seed, names.gguf);
      const block = new Uint16Array(Math.min(rows, blockRows) * cols);
      for (let row = 0; row < rows; row += blockRows) {
        const part = block.subarray(0, Math.min(blockRows, rows - row) * cols);
        stream.fill(table, part);
        yield part;
      }
    },
  }),
};
