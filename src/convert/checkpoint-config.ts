import type { Architecture, TensorRule } from "../checkpoint/architectures/architecture.ts";
import { BITNET, BITNET_1BITLLM } from "../checkpoint/architectures/bitnet.ts";
import { architectureOf } from "../checkpoint/architectures/registry.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import type { YarnParams } from "../engine/binding.ts";
import { hparamsOf } from "../engine/hparams.ts";
import { UnsupportedError } from "../errors.ts";
import { quote } from "../gguf/quote.ts";
import type { Metadata } from "../gguf/types.ts";
import type { FloatType } from "./out-types.ts";

/** What a checkpoint of a model is called and how its tensors are named. */
export interface CheckpointFamily {
  readonly architecture: Architecture;
  /** The class in config.json. */
  readonly className: string;
  /** In front of all names but the output matrix's. */
  readonly prefix: string;
}

/** The form in which transformers runs a model. 1bitLLM's reproductions take Microsoft's class, which
 *  computes the same with SiLU: their own code cannot read packed weights.
 *  @throws {UnsupportedError} a family that no checkpoint has */
export function checkpointFamily({ metadata }: ModelSource): CheckpointFamily {
  const family = metadata.get("general.architecture")?.value;
  const found = architectureOf(family);
  if (!found) {
    throw new UnsupportedError(
      `model family ${quote(String(family))} cannot be written as a checkpoint`,
    );
  }
  const architecture = found === BITNET_1BITLLM ? BITNET : found;
  const isEmbedding = metadata.has(`${found.gguf}.pooling_type`);
  const { classes } = architecture;
  const headless = classes.find((name) => name.endsWith("Model"));
  const className = (isEmbedding ? headless : undefined) ?? causal(classes);
  return { architecture, className, prefix: className.endsWith("Model") ? "" : "model." };
}

function causal(classes: readonly string[]): string {
  return classes.find((name) => !name.endsWith("Model")) ?? String(classes[0]);
}

/** The checkpoint's name of a tensor.
 *  @throws {UnsupportedError} a tensor that the family does not have */
export function checkpointName(family: CheckpointFamily, gguf: string): string {
  const { architecture, prefix } = family;
  const { before, layer, after, head } = architecture;
  const n = /^blk\.(\d+)\./.exec(gguf)?.[1] ?? "";
  const pattern = gguf.replace(/^blk\.\d+\./, "blk.{n}.").replace(/\.weight$/, "");
  const isIt = (rule: TensorRule): boolean => rule.gguf === pattern;
  if (isIt(head)) return `${head.name}.weight`;
  const rule = [...before, ...layer, ...after].find(isIt);
  if (!rule) {
    throw new UnsupportedError(`a ${architecture.gguf} checkpoint has no tensor ${quote(gguf)}`);
  }
  return `${prefix}${rule.name.replace("{n}", n)}.weight`;
}

const ACTIVATIONS = { relu2: "relu2", silu: "silu", gelu: "gelu_pytorch_tanh" } as const;

/** What config.json calls the types of numbers. */
const FLOAT_NAMES = { f16: "float16", bf16: "bfloat16", f32: "float32" } as const;

/** config.json of a packed checkpoint, all of whose numbers are `floats`. */
export function checkpointConfig(
  { metadata, tensors }: ModelSource,
  family: CheckpointFamily,
  floats: FloatType,
): Readonly<Record<string, unknown>> {
  const h = hparamsOf(metadata);
  const tied = !tensors.some(({ name }) => name === "output.weight");
  const isGemma = family.architecture.gguf === "gemma3";
  const activation = ACTIVATIONS[h.activation];
  return {
    architectures: [family.className],
    model_type: family.architecture.modelType,
    attention_bias: false,
    ...tokenIds(metadata),
    head_dim: h.headDim,
    ...(isGemma ? { hidden_activation: activation } : { hidden_act: activation }),
    hidden_size: h.dModel,
    intermediate_size: h.dFf,
    max_position_embeddings: h.contextLength,
    num_attention_heads: h.nHeads,
    num_hidden_layers: h.nLayers,
    num_key_value_heads: h.nKvHeads,
    // Microsoft's packed form: codes, and a scale that multiplies.
    quantization_config: {
      quant_method: "bitnet",
      linear_class: "autobitlinear",
      quantization_mode: "offline",
    },
    ...(isGemma && oneKindOfAttention(h)),
    rms_norm_eps: shortest(h.rmsNormEps),
    rope_scaling: h.yarn ? ropeScaling(h.yarn) : null,
    rope_theta: shortest(h.ropeTheta),
    tie_word_embeddings: tied,
    torch_dtype: FLOAT_NAMES[floats],
    vocab_size: h.vocabSize,
  };
}

/** Gemma's other layers look at a window, with another RoPE base; these models have only one kind. */
function oneKindOfAttention(h: { headDim: number; ropeTheta: number; contextLength: number }) {
  return {
    query_pre_attn_scalar: h.headDim,
    rope_local_base_freq: shortest(h.ropeTheta),
    sliding_window: h.contextLength,
  };
}

function ropeScaling(yarn: YarnParams): Readonly<Record<string, unknown>> {
  const { factor, originalContext, attentionFactor, betaFast, betaSlow } = yarn;
  const whole = attentionFactor && attentionFactor * (1 + 0.1 * Math.log(factor));
  return {
    rope_type: "yarn",
    factor,
    original_max_position_embeddings: originalContext,
    ...(whole !== undefined && { attention_factor: whole }),
    ...(betaFast !== undefined && { beta_fast: betaFast }),
    ...(betaSlow !== undefined && { beta_slow: betaSlow }),
  };
}

/** Special tokens, as far as the metadata name them. */
export function tokenIds(metadata: Metadata): Readonly<Record<string, unknown>> {
  const id = (which: string) => metadata.get(`tokenizer.ggml.${which}_token_id`)?.value;
  const ends = [id("eos"), id("eot"), id("eom")].filter((one) => one !== undefined);
  const named = {
    bos_token_id: id("bos"),
    eos_token_id: ends.length > 1 ? ends : ends[0],
    pad_token_id: id("padding"),
  };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

/** 0.00001 rather than 0.000009999999747378752: GGUF has these numbers as f32. */
function shortest(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === Math.fround(value) ? short : value;
}
