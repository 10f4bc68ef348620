import { type Architecture, BUFFERS, embedding, norm, PROJECTIONS } from "./architecture.ts";

/** Microsoft BitNet b1.58 2B4T and its kin: sub-norms, squared ReLU, NEOX RoPE (so that query and
 *  key rows stay in the checkpoint's order). Defaults as in transformers' BitNetConfig. */
export const BITNET: Architecture = {
  classes: ["BitNetForCausalLM"],
  modelType: "bitnet",
  gguf: "bitnet-b1.58",
  defaults: { hiddenAct: "relu2", ropeTheta: 500_000, rmsNormEps: 1e-5, tiedHead: false },
  floats: "masters",
  before: [embedding("embed_tokens", "token_embd")],
  layer: [
    norm("layers.{n}.input_layernorm", "blk.{n}.attn_norm", "dModel"),
    norm("layers.{n}.self_attn.attn_sub_norm", "blk.{n}.attn_sub_norm", "qRows"),
    norm("layers.{n}.post_attention_layernorm", "blk.{n}.ffn_norm", "dModel"),
    norm("layers.{n}.mlp.ffn_sub_norm", "blk.{n}.ffn_sub_norm", "dFf"),
    ...PROJECTIONS,
  ],
  after: [norm("norm", "output_norm", "dModel")],
  head: embedding("lm_head", "output"),
  ignored: BUFFERS,
};

/** Layers of 1bitLLM's large and 3B models. Older GGUF files call them bitnet-b1.58, as those of 2B4T are
 *  called, and name no activation: the number of layers tells which it is. */
export const LAYERS_OF_1BITLLM: readonly number[] = [24, 26];

/** 1bitLLM's reproductions (large, 3B): the same with SiLU and other names for the sub-norms. Mind the
 *  spelling of the class. Defaults as in their own configuration class. */
export const BITNET_1BITLLM: Architecture = {
  ...BITNET,
  classes: ["BitnetForCausalLM"],
  modelType: "llama",
  gguf: "bitnet",
  defaults: { hiddenAct: "silu", ropeTheta: 10_000, rmsNormEps: 1e-6, tiedHead: false },
  layer: [
    norm("layers.{n}.input_layernorm", "blk.{n}.attn_norm", "dModel"),
    norm("layers.{n}.self_attn.inner_attn_ln", "blk.{n}.attn_sub_norm", "qRows"),
    norm("layers.{n}.post_attention_layernorm", "blk.{n}.ffn_norm", "dModel"),
    norm("layers.{n}.mlp.ffn_layernorm", "blk.{n}.ffn_sub_norm", "dFf"),
    ...PROJECTIONS,
  ],
};
