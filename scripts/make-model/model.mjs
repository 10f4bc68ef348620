// A random model as a list of tensors that can be written to any container.
import { ARCHITECTURES } from "../../dist/checkpoint/architectures/registry.js";
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

/** The family whose tensors are made. */
const [ARCHITECTURE] = ARCHITECTURES;

/** The tensors of a model in file order. Scales keep every activation near unit size, and the sum of
 *  all layers' contributions to the residual stream as well.
 *  @param {Shape} shape @param {number} seed @returns {Tensor[]} */
export function modelTensors(shape, seed) {
  const headDim = shape.dModel / shape.nHeads;
  const dims = {
    ...shape,
    qRows: shape.dModel,
    kvRows: headDim * shape.nKvHeads,
  };
  const make = (rule, layer) => {
    const fill = (pattern) => `${pattern.replace("{n}", String(layer))}.weight`;
    const names = { hf: `model.${fill(rule.name)}`, gguf: fill(rule.gguf) };
    const sizes = rule.shape.map((dim) => dims[dim]);
    return MAKERS[rule.role](names, sizes, seed, shape);
  };
  const layers = Array.from({ length: shape.nLayers }, (_, n) =>
    ARCHITECTURE.layer.map((rule) => make(rule, n)),
  );
  return [
    ...ARCHITECTURE.before.map((rule) => make(rule, 0)),
    ...layers.flat(),
    ...ARCHITECTURE.after.map((rule) => make(rule, 0)),
  ];
}

const MAKERS = {
  norm: (names, [cols], seed) => ({
    role: "norm",
    ...names,
    cols,
    weights: () => normWeights(seed, names.gguf, cols),
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

/** The configuration files of a checkpoint, by name.
 *  @param {Shape} shape @param {import("./tokenizer.mjs").TokenizerFiles} tokenizer
 *  @param {"offline" | "online"} mode offline: packed weights, online: masters
 *  @returns {Record<string, object>} */
export function configFiles(shape, tokenizer, mode) {
  const { bos, eos, eot } = tokenizer;
  return {
    "config.json": {
      architectures: ARCHITECTURE.classes.slice(0, 1),
      attention_bias: false,
      attention_dropout: 0,
      bos_token_id: bos,
      eos_token_id: eos,
      hidden_act: ARCHITECTURE.defaults.hiddenAct,
      hidden_size: shape.dModel,
      initializer_range: 0.02,
      intermediate_size: shape.dFf,
      max_position_embeddings: shape.contextLength,
      model_type: "bitnet",
      num_attention_heads: shape.nHeads,
      num_hidden_layers: shape.nLayers,
      num_key_value_heads: shape.nKvHeads,
      quantization_config: {
        linear_class: "autobitlinear",
        quant_method: "bitnet",
        quantization_mode: mode,
      },
      rms_norm_eps: ARCHITECTURE.defaults.rmsNormEps,
      rope_theta: ARCHITECTURE.defaults.ropeTheta,
      tie_word_embeddings: true,
      torch_dtype: "bfloat16",
      use_cache: true,
      vocab_size: shape.vocabSize,
    },
    "generation_config.json": {
      _from_model_config: true,
      bos_token_id: bos,
      eos_token_id: [eos, eot],
      transformers_version: "4.52.0",
    },
    "tokenizer.json": tokenizer.tokenizer,
    "tokenizer_config.json": tokenizer.settings,
  };
}
