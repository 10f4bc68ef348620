import { type Architecture, BUFFERS, embedding, norm, PROJECTIONS } from "./architecture.ts";

/** Whose heads the rows of a projection are, where GGUF files have another order of these rows. */
const HEADS = { "blk.{n}.attn_q": "query", "blk.{n}.attn_k": "key" } as const;

/** Llama 3 8B 1.58, Falcon3 and Falcon-E in 1.58 bits, TriLM: no sub-norms; GGUF files have query and
 *  key rows in the order of adjacent-pair RoPE. Defaults as in transformers' LlamaConfig. Float
 *  projections without a `quantization_config` are ternary already, or the model is not. */
export const LLAMA: Architecture = {
  classes: ["LlamaForCausalLM"],
  modelType: "llama",
  gguf: "llama",
  defaults: { hiddenAct: "silu", ropeTheta: 10_000, rmsNormEps: 1e-6, tiedHead: false },
  floats: "unpacked",
  before: [embedding("embed_tokens", "token_embd")],
  layer: [
    norm("layers.{n}.input_layernorm", "blk.{n}.attn_norm", "dModel"),
    norm("layers.{n}.post_attention_layernorm", "blk.{n}.ffn_norm", "dModel"),
    ...PROJECTIONS.map((rule) => {
      const heads = HEADS[rule.gguf as keyof typeof HEADS];
      return heads === undefined ? rule : { ...rule, heads };
    }),
  ],
  after: [norm("norm", "output_norm", "dModel")],
  head: embedding("lm_head", "output"),
  ignored: BUFFERS,
};
