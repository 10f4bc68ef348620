import {
  type Architecture,
  BUFFERS,
  embedding,
  NORMED_PROJECTIONS,
  norm,
  type TensorRule,
} from "./architecture.ts";

/** Gemma's own norms multiply by 1 + w; those that BitNet puts in front of the projections do not. */
function gemmaNorm(...parts: Parameters<typeof norm>): TensorRule {
  return { ...norm(...parts), plusOne: true };
}

/** Gemma 3 text: Microsoft's BitNet embedding 270M (masters, a norm in front of every projection).
 *  Norms before and after each block, embeddings times sqrt(d_model), NEOX RoPE. Defaults as in
 *  transformers' Gemma3TextConfig. */
export const GEMMA3: Architecture = {
  classes: ["Gemma3TextModel", "Gemma3ForCausalLM"],
  modelType: "gemma3_text",
  gguf: "gemma3",
  defaults: {
    hiddenAct: "gelu_pytorch_tanh",
    ropeTheta: 1_000_000,
    rmsNormEps: 1e-6,
    tiedHead: true,
    headDim: 256,
  },
  floats: "unpacked",
  before: [embedding("embed_tokens", "token_embd")],
  layer: [
    gemmaNorm("layers.{n}.input_layernorm", "blk.{n}.attn_norm", "dModel"),
    gemmaNorm("layers.{n}.self_attn.q_norm", "blk.{n}.attn_q_norm", "headDim"),
    gemmaNorm("layers.{n}.self_attn.k_norm", "blk.{n}.attn_k_norm", "headDim"),
    gemmaNorm("layers.{n}.post_attention_layernorm", "blk.{n}.post_attention_norm", "dModel"),
    gemmaNorm("layers.{n}.pre_feedforward_layernorm", "blk.{n}.ffn_norm", "dModel"),
    gemmaNorm("layers.{n}.post_feedforward_layernorm", "blk.{n}.post_ffw_norm", "dModel"),
    ...NORMED_PROJECTIONS,
  ],
  after: [gemmaNorm("norm", "output_norm", "dModel")],
  head: embedding("lm_head", "output"),
  ignored: BUFFERS,
};
