import { LAYERS_OF_1BITLLM } from "../checkpoint/architectures/bitnet.ts";
import { ModelFormatError, UnsupportedError } from "../errors.ts";
import type { Metadata } from "../gguf/types.ts";
import type { ActivationMode, AddonHparams, YarnParams } from "./binding.ts";

/** The context length of files that do not name one. */
const DEFAULT_CONTEXT = 2048;
const DEFAULT_ROPE_THETA = 10000;

/** Reads the hyper-parameters from a model's metadata. Ranges are checked natively.
 *    inputNorms  whether its matrices norm their own input: then it was trained with int8 inputs,
 *                whatever its family
 *  @throws {ModelFormatError} a key is missing or not a number
 *  @throws {UnsupportedError} heads of several sizes, or rotated in part */
export function hparamsOf(
  metadata: Metadata,
  activations: ActivationsOption = "int8",
  inputNorms = false,
): AddonHparams {
  const family = metadata.get("general.architecture")?.value;
  if (typeof family !== "string") {
    throw new ModelFormatError("general.architecture is missing: not a language model");
  }
  const read = (key: string) => numberOf(metadata, `${family}.${key}`);
  const need = (key: string) => {
    const value = read(key);
    if (value === undefined) throw new ModelFormatError(`${family}.${key} is missing`);
    return value;
  };
  const dModel = need("embedding_length");
  const nHeads = need("attention.head_count");
  const headDim = read("attention.key_length") ?? read("rope.dimension_count") ?? dModel / nHeads;
  for (const key of ["attention.value_length", "rope.dimension_count"]) {
    const value = read(key) ?? headDim;
    if (value === headDim) continue;
    throw new UnsupportedError(
      `${family}.${key} is ${value} and heads are ${headDim}: other sizes are not supported`,
    );
  }
  return {
    family,
    nLayers: need("block_count"),
    dModel,
    dFf: need("feed_forward_length"),
    nHeads,
    nKvHeads: read("attention.head_count_kv") ?? nHeads,
    headDim,
    vocabSize: read("vocab_size") ?? vocabularyLength(metadata),
    contextLength: read("context_length") ?? DEFAULT_CONTEXT,
    rmsNormEps: need("attention.layer_norm_rms_epsilon"),
    ropeTheta: read("rope.freq_base") ?? DEFAULT_ROPE_THETA,
    activation: activationOf(metadata, family),
    activationMode: activationModeOf(family, activations, inputNorms),
    ...yarnOf(metadata, family),
  };
}

/** Families that were trained with 16-bit activations: int8 is a choice of the runtime. */
const WEIGHT_ONLY_FAMILIES = ["qwen3"];

/** What `--activations` asks for: integers as suit the family, or none. */
export type ActivationsOption = "int8" | "none";

function activationModeOf(
  family: string,
  option: ActivationsOption,
  inputNorms: boolean,
): ActivationMode {
  if (option === "none") return "floats";
  return WEIGHT_ONLY_FAMILIES.includes(family) && !inputNorms ? "blocks" : "token";
}

/** RoPE scaling as GGUF states it (keys of llama.cpp).
 *  @throws {UnsupportedError} a kind of scaling that the engine does not have */
function yarnOf(metadata: Metadata, family: string): { yarn?: YarnParams } {
  const read = (key: string) => numberOf(metadata, `${family}.rope.scaling.${key}`);
  const type = metadata.get(`${family}.rope.scaling.type`)?.value ?? "none";
  const factor = read("factor") ?? 1;
  if (type === "none" || factor === 1) return {};
  if (type !== "yarn")
    throw new UnsupportedError(`RoPE scaling "${String(type)}" is not supported`);
  const originalContext = read("original_context_length");
  if (originalContext === undefined) {
    throw new ModelFormatError(`${family}.rope.scaling.original_context_length is missing`);
  }
  const attentionFactor = read("attn_factor") ?? read("yarn_attn_factor");
  const betaFast = read("yarn_beta_fast");
  const betaSlow = read("yarn_beta_slow");
  return {
    yarn: {
      factor,
      originalContext,
      ...(attentionFactor !== undefined && { attentionFactor }),
      ...(betaFast !== undefined && { betaFast }),
      ...(betaSlow !== undefined && { betaSlow }),
    },
  };
}

const DEFAULT_ACTIVATION: Readonly<Record<string, AddonHparams["activation"]>> = {
  bitnet: "silu",
  llama: "silu",
  qwen3: "silu",
  gemma3: "gelu",
};

/** BitNet b1.58 2B4T and its kin use squared ReLU, the 1bitLLM models SiLU; the first files of both
 *  carry the same architecture name and no key that tells them apart. */
function activationOf(metadata: Metadata, family: string): AddonHparams["activation"] {
  const named = metadata.get(`${family}.hidden_act`)?.value ?? metadata.get("hidden_act")?.value;
  if (named === "relu2" || named === "silu") return named;
  if (named === "gelu_pytorch_tanh") return "gelu";
  if (named !== undefined) throw new ModelFormatError(`unknown activation ${String(named)}`);
  const nLayers = numberOf(metadata, `${family}.block_count`);
  const is1bitLlm = LAYERS_OF_1BITLLM.includes(nLayers ?? 0);
  return DEFAULT_ACTIVATION[family] ?? (is1bitLlm ? "silu" : "relu2");
}

function vocabularyLength(metadata: Metadata): number {
  const tokens = metadata.get("tokenizer.ggml.tokens");
  if (tokens?.type !== "array") throw new ModelFormatError("the vocabulary size is missing");
  return tokens.value.length;
}

function numberOf(metadata: Metadata, key: string): number | undefined {
  const value = metadata.get(key)?.value;
  if (value === undefined) return undefined;
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  throw new ModelFormatError(`${key} is not a number`);
}
