/** Matrices of a layer: module of a Hugging Face model and GGUF name. Alike in all families that we
 *  run, see checkpoint/architectures/. */
const LAYER_MATRICES: Readonly<Record<string, string>> = {
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

const GGUF_PARTS: ReadonlySet<string> = new Set(Object.values(LAYER_MATRICES));

/** `layers.3.self_attn.q_proj` > `blk.3.attn_q.weight`; undefined for other modules. With and without
 *  the `model.` that models with a head put in front. */
export function ggufNameOf(module: string): string | undefined {
  const match = /^(?:model\.)?layers\.(\d+)\.(\w+\.\w+)$/.exec(module);
  const part = LAYER_MATRICES[match?.[2] ?? ""];
  return part === undefined ? undefined : `blk.${Number(match?.[1])}.${part}.weight`;
}

export function isLayerMatrix(ggufName: string): boolean {
  return GGUF_PARTS.has(/^blk\.\d+\.(\w+)\.weight$/.exec(ggufName)?.[1] ?? "");
}
