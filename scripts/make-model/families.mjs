// What a random model of each family is like, beyond what src/checkpoint/architectures says.
import { architectureOf } from "../../dist/checkpoint/architectures/registry.js";

/** @typedef {"bitnet-b1.58" | "bitnet" | "llama" | "qwen3" | "gemma3"} FamilyName */
/** @typedef {"packed" | "masters" | "unpacked"} Form packed ternary weights, weights to be ternarised, or
 *  ternary weights written as f16 numbers */

/** @typedef {object} Family
 *  @property {FamilyName} name
 *  @property {import("../../dist/checkpoint/architectures/architecture.js").Architecture} architecture
 *  @property {boolean} tied the embedding is the output matrix
 *  @property {Form[]} forms
 *  @property {boolean} inputNorms an embedding model of BitNet: norms in front of the projections */

/** @type {Record<FamilyName, Omit<Family, "name" | "architecture" | "inputNorms">>} */
const FAMILIES = {
  "bitnet-b1.58": { tied: true, forms: ["packed", "masters"] },
  bitnet: { tied: true, forms: ["packed", "masters"] },
  llama: { tied: false, forms: ["packed", "masters", "unpacked"] },
  qwen3: { tied: true, forms: ["packed", "masters", "unpacked"] },
  gemma3: { tied: true, forms: ["packed", "masters"] },
};

/** Families whose BitNet models are embedding models. */
const EMBEDDING = ["qwen3", "gemma3"];

export const FAMILY_NAMES = Object.keys(FAMILIES);

/** @param {string} name @param {Form} form @returns {Family} */
export function familyOf(name, form) {
  const row = FAMILIES[name];
  if (!row) throw new Error(`unknown family ${name}; known: ${FAMILY_NAMES.join(", ")}`);
  if (!row.forms.includes(form)) {
    throw new Error(`${name} models come as ${row.forms.join(", ")}, not ${form}`);
  }
  const inputNorms = form !== "unpacked" && EMBEDDING.includes(name);
  return { name, architecture: architectureOf(name), inputNorms, ...row };
}

const CLASSES = { qwen3: "Qwen3Model", gemma3: "Gemma3TextModel" };

/** The configuration files of a checkpoint, by name.
 *  @param {import("./presets.mjs").Shape} shape
 *  @param {import("./tokenizer.mjs").TokenizerFiles} tokenizer @param {Family} family
 *  @param {Form} form @returns {Record<string, object>} */
export function configFiles(shape, tokenizer, family, form) {
  const { bos, eos, eot } = tokenizer;
  const { architecture, tied, inputNorms } = family;
  const { defaults, classes, modelType } = architecture;
  const headDim = headDimOf(shape);
  const [first] = classes;
  const isGemma = family.name === "gemma3";
  return {
    "config.json": {
      architectures: [inputNorms ? CLASSES[family.name] : first],
      attention_bias: false,
      attention_dropout: 0,
      bos_token_id: bos,
      eos_token_id: eos,
      ...((shape.headDim ?? defaults.headDim) === undefined ? {} : { head_dim: headDim }),
      [isGemma ? "hidden_activation" : "hidden_act"]: defaults.hiddenAct,
      hidden_size: shape.dModel,
      initializer_range: 0.02,
      intermediate_size: shape.dFf,
      max_position_embeddings: shape.contextLength,
      model_type: modelType,
      num_attention_heads: shape.nHeads,
      num_hidden_layers: shape.nLayers,
      num_key_value_heads: shape.nKvHeads,
      ...(isDeclared(family, form) ? { quantization_config: quantization(family, form) } : {}),
      ...(isGemma
        ? { query_pre_attn_scalar: headDim, rope_local_base_freq: defaults.ropeTheta }
        : {}),
      rms_norm_eps: defaults.rmsNormEps,
      rope_theta: defaults.ropeTheta,
      ...(shape.yarnFactor === undefined ? {} : { rope_scaling: yarn(shape) }),
      tie_word_embeddings: tied,
      torch_dtype: form === "unpacked" ? "float16" : "bfloat16",
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

/** Masters of embedding models say nothing, nor do weights written as numbers.
 *  @param {Family} family @param {Form} form */
function isDeclared({ inputNorms }, form) {
  return form === "packed" || (form === "masters" && !inputNorms);
}

/** Llama's packed checkpoints store what their weights are divided by.
 *  @param {Family} family @param {Form} form */
function quantization(family, form) {
  return {
    linear_class: isDivided(family) ? "bitlinear" : "autobitlinear",
    quant_method: "bitnet",
    quantization_mode: form === "packed" ? "offline" : "online",
  };
}

/** @param {Family} family */
export function isDivided({ name }) {
  return name === "llama";
}

function yarn(shape) {
  const factor = shape.yarnFactor;
  const original = Math.floor(shape.contextLength / factor);
  return { rope_type: "yarn", factor, original_max_position_embeddings: original };
}

/** @param {import("./presets.mjs").Shape} shape */
export function headDimOf(shape) {
  return shape.headDim ?? shape.dModel / shape.nHeads;
}
