import { type Architecture, BUFFERS, embedding, NORMED_PROJECTIONS, norm } from "./architecture.ts";

/** Qwen3 dense: Ternary-Bonsai (weights written as numbers, ternary in groups of 128) and Microsoft's
 *  BitNet embedding 0.6B (masters, a norm in front of every projection). NEOX RoPE. Defaults as in
 *  transformers' Qwen3Config. */
export const QWEN3: Architecture = {
  classes: ["Qwen3ForCausalLM", "Qwen3Model"],
  modelType: "qwen3",
  gguf: "qwen3",
  defaults: {
    hiddenAct: "silu",
    ropeTheta: 10_000,
    rmsNormEps: 1e-6,
    tiedHead: false,
    headDim: 128,
  },
  floats: "unpacked",
  before: [embedding("embed_tokens", "token_embd")],
  layer: [
    norm("layers.{n}.input_layernorm", "blk.{n}.attn_norm", "dModel"),
    norm("layers.{n}.self_attn.q_norm", "blk.{n}.attn_q_norm", "headDim"),
    norm("layers.{n}.self_attn.k_norm", "blk.{n}.attn_k_norm", "headDim"),
    norm("layers.{n}.post_attention_layernorm", "blk.{n}.ffn_norm", "dModel"),
    ...NORMED_PROJECTIONS,
  ],
  after: [norm("norm", "output_norm", "dModel")],
  head: embedding("lm_head", "output"),
  ignored: BUFFERS,
  embeddingEnd: "<|endoftext|>",
};
