import type { Encoding } from "../checkpoint/source.ts";

/** What the projections become; `safetensors` is a checkpoint folder of packed ones. */
export const OUT_TYPES = {
  i2_s: "i2_s",
  tl1: "tl1",
  tl2: "tl2",
  tq1_0: "tq1_0",
  tq2_0: "tq2_0",
  q2_0: "q2_0",
  f16: "f16",
  bf16: "bf16",
  f32: "f32",
  safetensors: "hf_packed",
} as const satisfies Readonly<Record<string, Encoding>>;
export type OutType = keyof typeof OUT_TYPES;

/** What embeddings and the output matrix become. */
export const EMBD_TYPES = ["f16", "bf16", "f32", "q8_0", "q6_k", "q4_0"] as const;
export type EmbdType = (typeof EMBD_TYPES)[number];

/** Numbers that a checkpoint can hold. */
export const FLOATS = ["f16", "bf16", "f32"] as const satisfies readonly Encoding[];
export type FloatType = (typeof FLOATS)[number];

export function isFloat(encoding: Encoding): encoding is FloatType {
  return (FLOATS as readonly Encoding[]).includes(encoding);
}
