import { permuteRows } from "./lora.ts";
import type { Linear } from "./reference-ops.ts";
import { type Layer, type Norm, readReference } from "./reference-weights.ts";

const MATRICES = {
  q: "attn_q",
  k: "attn_k",
  v: "attn_v",
  o: "attn_output",
  gate: "ffn_gate",
  up: "ffn_up",
  down: "ffn_down",
} as const;

const NORMS: readonly (readonly [keyof Layer, string])[] = [
  ["attnNorm", "attn_norm"],
  ["attnSubNorm", "attn_sub_norm"],
  ["attnPostNorm", "post_attention_norm"],
  ["qNorm", "attn_q_norm"],
  ["kNorm", "attn_k_norm"],
  ["ffnNorm", "ffn_norm"],
  ["ffnSubNorm", "ffn_sub_norm"],
  ["ffnPostNorm", "post_ffw_norm"],
];

/** Every weight of a checkpoint folder as a single-precision number, under its GGUF name and in the row
 *  order of GGUF files of `family`: what any reader of any container has to find. */
export function referenceTensors(
  dir: string,
  family: string,
  configFile = "config.json",
): Map<string, Float32Array> {
  const model = readReference(dir, configFile, {}, new Map());
  const tensors = new Map<string, Float32Array>();
  const add = (name: string, values: Norm): void => {
    if (values) tensors.set(`${name}.weight`, Float32Array.from(values));
  };
  add("token_embd", model.embedding);
  for (const [i, layer] of model.layers.entries()) {
    for (const [key, name] of NORMS) add(`blk.${i}.${name}`, layer[key] as Norm);
    for (const [key, name] of Object.entries(MATRICES)) {
      const linear = layer[key as keyof typeof MATRICES];
      add(`blk.${i}.${name}_norm_in`, linear.inputNorm);
      const heads = family === "llama" ? { q: model.nHeads, k: model.nKvHeads } : {};
      tensors.set(
        `blk.${i}.${name}.weight`,
        weightsOf(linear, (heads as Record<string, number>)[key]),
      );
    }
  }
  add("output_norm", model.outputNorm);
  if (model.head !== model.embedding) add("output", model.head);
  return tensors;
}

/** trit * scale in single precision; `heads` of rows that GGUF files have in adjacent-pair order. */
function weightsOf({ trits, rows, cols, scale }: Linear, heads: number | undefined): Float32Array {
  const weights = Float32Array.from(trits, (trit) => trit * scale);
  return heads === undefined ? weights : permuteRows(weights, rows, cols, heads);
}
