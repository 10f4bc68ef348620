import { type TensorType, tensorTypeByName } from "../gguf/tensor-types.ts";
import type { Encoding } from "./source.ts";

interface EncodingInfo {
  /** Codes for -1, 0, +1 and one scale, rather than numbers. */
  readonly ternary: boolean;
  /** Type of the tensor in a GGUF file; none for what only checkpoints have. */
  readonly ggufType?: string;
  readonly blockElems: number;
  readonly blockBytes: number;
  readonly tailBytes: number;
}

const I2_S = { ternary: true, ggufType: "I2_S", blockElems: 4, blockBytes: 1, tailBytes: 32 };

/** What each encoding measures on disk. */
export const ENCODINGS: Readonly<Record<Encoding, EncodingInfo>> = {
  f32: { ternary: false, ggufType: "F32", blockElems: 1, blockBytes: 4, tailBytes: 0 },
  f16: { ternary: false, ggufType: "F16", blockElems: 1, blockBytes: 2, tailBytes: 0 },
  bf16: { ternary: false, ggufType: "BF16", blockElems: 1, blockBytes: 2, tailBytes: 0 },
  q8_0: { ternary: false, ggufType: "Q8_0", blockElems: 32, blockBytes: 34, tailBytes: 0 },
  q6_k: { ternary: false, ggufType: "Q6_K", blockElems: 256, blockBytes: 210, tailBytes: 0 },
  i2_s: I2_S,
  i2_s_group64: I2_S,
  i2_s_row4: I2_S,
  i2_s_seq_hi: I2_S,
  i2_s_seq_lo: I2_S,
  hf_packed: { ternary: true, blockElems: 4, blockBytes: 1, tailBytes: 0 },
};

/** The layouts that go by the name I2_S; a file does not say which one it has. */
export type I2sLayout = Extract<Encoding, `i2_s${string}`>;

/** Encoding of a GGUF tensor type; undefined for types that this build cannot compute with. */
export function encodingOf(type: TensorType, i2sLayout: I2sLayout): Encoding | undefined {
  if (type.name === "I2_S") return i2sLayout;
  const names = Object.keys(ENCODINGS) as Encoding[];
  return names.find((name) => ENCODINGS[name].ggufType === type.name);
}

/** GGUF tensor type that stores an encoding.
 *  Precondition: the encoding has one (it is not `hf_packed`). */
export function ggufTypeOf(encoding: Encoding): TensorType {
  const type = tensorTypeByName(ENCODINGS[encoding].ggufType ?? "");
  if (!type) throw new Error(`${encoding} has no GGUF type`);
  return type;
}

/** Bytes of `rows` x `cols` weights without the tail; undefined when they do not fill whole blocks. */
export function payloadBytes(encoding: Encoding, rows: number, cols: number): number | undefined {
  const { ternary, blockElems, blockBytes } = ENCODINGS[encoding];
  // Ternary blocks run on across row ends; those of the other encodings do not.
  if ((ternary ? rows * cols : cols) % blockElems !== 0) return undefined;
  return ((rows * cols) / blockElems) * blockBytes;
}
