import { type Architecture, embedding, norm, ternary } from "./architecture.ts";

/** Microsoft BitNet b1.58 2B4T and its kin: sub-norms, squared ReLU, NEOX RoPE (so that query and
 *  key rows stay in the checkpoint's order). Defaults as in transformers' BitNetConfig. */
export const BITNET: Architecture = {
  classes: ["BitNetForCausalLM"],
  gguf: "bitnet-b1.58",
  defaults: { hiddenAct: "relu2", ropeTheta: 500_000, rmsNormEps: 1e-5 },
  before: [embedding("embed_tokens", "token_embd")],
  layer: [
    norm("layers.{n}.input_layernorm", "blk.{n}.attn_norm", "dModel"),
    norm("layers.{n}.self_attn.attn_sub_norm", "blk.{n}.attn_sub_norm", "qRows"),
    norm("layers.{n}.post_attention_layernorm", "blk.{n}.ffn_norm", "dModel"),
    norm("layers.{n}.mlp.ffn_sub_norm", "blk.{n}.ffn_sub_norm", "dFf"),
    ternary("layers.{n}.self_attn.q_proj", "blk.{n}.attn_q", "qRows", "dModel"),
    ternary("layers.{n}.self_attn.k_proj", "blk.{n}.attn_k", "kvRows", "dModel"),
    ternary("layers.{n}.self_attn.v_proj", "blk.{n}.attn_v", "kvRows", "dModel"),
    ternary("layers.{n}.self_attn.o_proj", "blk.{n}.attn_output", "dModel", "qRows"),
    ternary("layers.{n}.mlp.gate_proj", "blk.{n}.ffn_gate", "dFf", "dModel"),
    ternary("layers.{n}.mlp.up_proj", "blk.{n}.ffn_up", "dFf", "dModel"),
    ternary("layers.{n}.mlp.down_proj", "blk.{n}.ffn_down", "dModel", "dFf"),
  ],
  after: [norm("norm", "output_norm", "dModel")],
  head: embedding("lm_head", "output"),
  ignored: [/\.rotary_emb\.inv_freq$/, /\.attention\.(masked_)?bias$/],
};
