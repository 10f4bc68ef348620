import { ModelFormatError } from "../errors.ts";
import type { Metadata } from "../gguf/types.ts";
import type { AddonHparams } from "./binding.ts";

/** The context length of files that do not name one. */
const DEFAULT_CONTEXT = 2048;
const DEFAULT_ROPE_THETA = 10000;

/** Reads the hyper-parameters from a model's metadata. Ranges are checked natively.
 *  @throws {ModelFormatError} a key is missing or not a number */
export function hparamsOf(metadata: Metadata): AddonHparams {
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
  return {
    family,
    nLayers: need("block_count"),
    dModel,
    dFf: need("feed_forward_length"),
    nHeads,
    nKvHeads: read("attention.head_count_kv") ?? nHeads,
    headDim: read("attention.key_length") ?? read("rope.dimension_count") ?? dModel / nHeads,
    vocabSize: read("vocab_size") ?? vocabularyLength(metadata),
    contextLength: read("context_length") ?? DEFAULT_CONTEXT,
    rmsNormEps: need("attention.layer_norm_rms_epsilon"),
    ropeTheta: read("rope.freq_base") ?? DEFAULT_ROPE_THETA,
    activation: activationOf(metadata, family),
  };
}

/** BitNet b1.58 2B4T and its kin use squared ReLU, the 1bitLLM models SiLU; the first files of both
 *  carry the same architecture name and no key that tells them apart. */
function activationOf(metadata: Metadata, family: string): "relu2" | "silu" {
  const named = metadata.get(`${family}.hidden_act`)?.value ?? metadata.get("hidden_act")?.value;
  if (named === "relu2" || named === "silu") return named;
  if (named !== undefined) throw new ModelFormatError(`unknown activation ${String(named)}`);
  const nLayers = numberOf(metadata, `${family}.block_count`);
  const is1bitLlm = nLayers === LAYERS_1BITLLM_LARGE || nLayers === LAYERS_1BITLLM_3B;
  return family === "bitnet" || is1bitLlm ? "silu" : "relu2";
}

const LAYERS_1BITLLM_LARGE = 24;
const LAYERS_1BITLLM_3B = 26;

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
