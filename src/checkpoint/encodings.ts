import { type TensorType, tensorBytes, tensorTypeByName } from "../gguf/tensor-types.ts";
import type { Encoding, TileParams } from "./source.ts";

/** Where the scales of an encoding are: `apart` is one for the whole matrix, in the tail or outside the
 *  tensor; `payload` is one for each block or row, among the codes; `none` is for numbers. */
export type ScalePlace = "none" | "apart" | "payload";

/** Which weights share a block: neighbours in a row, neighbours of the whole matrix, the same column of
 *  four adjacent rows or of four row quarters, or tiles of the matrix. */
type Order = "rows" | "flat" | "quads" | "quarters" | "tl1" | "tl2";

export interface EncodingInfo {
  /** Types of the tensor in a GGUF file; the first is the one that is written. */
  readonly ggufTypes: readonly string[];
  readonly scales: ScalePlace;
  readonly order: Order;
  readonly blockElems: number;
  readonly blockBytes: number;
  /** Bytes in front of every row. */
  readonly rowBytes: number;
  /** Bytes after the last row; they begin with the scale (f32). */
  readonly tailBytes: number;
}

const TAIL_BYTES = 32;

function numbers(type: string, blockElems: number, blockBytes: number): EncodingInfo {
  const sizes = { blockElems, blockBytes, rowBytes: 0, tailBytes: 0 };
  return { ggufTypes: [type], scales: "none", order: "rows", ...sizes };
}

function i2s(order: Order, blockElems: number): EncodingInfo {
  const sizes = { blockElems, blockBytes: blockElems / 4, rowBytes: 0, tailBytes: TAIL_BYTES };
  return { ggufTypes: ["I2_S"], scales: "apart", order, ...sizes };
}

/** Sizes are those of tiles, of which no part can be written alone. */
function tiles(type: string, order: Order): EncodingInfo {
  const sizes = { blockElems: 4, blockBytes: 1, rowBytes: 0, tailBytes: TAIL_BYTES };
  return { ggufTypes: [type], scales: "apart", order, ...sizes };
}

function blocks(
  ggufTypes: readonly string[],
  blockElems: number,
  blockBytes: number,
  rowBytes = 0,
): EncodingInfo {
  const sizes = { blockElems, blockBytes, rowBytes, tailBytes: 0 };
  return { ggufTypes, scales: "payload", order: "rows", ...sizes };
}

/** What each encoding measures on disk. */
export const ENCODINGS: Readonly<Record<Encoding, EncodingInfo>> = {
  f32: numbers("F32", 1, 4),
  f16: numbers("F16", 1, 2),
  bf16: numbers("BF16", 1, 2),
  q8_0: numbers("Q8_0", 32, 34),
  q6_k: numbers("Q6_K", 256, 210),
  q5_0: numbers("Q5_0", 32, 22),
  q4_0: numbers("Q4_0", 32, 18),
  q4_k: numbers("Q4_K", 256, 144),
  i2_s: i2s("flat", 128),
  i2_s_group64: i2s("flat", 64),
  i2_s_row4: i2s("quads", 4),
  i2_s_seq_hi: i2s("flat", 4),
  i2_s_seq_lo: i2s("flat", 4),
  hf_packed: { ...i2s("quarters", 4), ggufTypes: [], tailBytes: 0 },
  tl1: tiles("TL1", "tl1"),
  tl2: tiles("TL2", "tl2"),
  tq1_0: blocks(["TQ1_0"], 256, 54),
  tq2_0: blocks(["TQ2_0"], 256, 66),
  q2_0: blocks(["Q2_0"], 64, 18),
  q2_0_g128: blocks(["PQ2_0", "Q2_0_G128"], 128, 34),
  q2_0_g128_d_last: blocks(["Q2_0_G128_D_LAST"], 128, 34),
  ptq1_0: blocks(["PTQ1_0"], 128, 28),
  iq2_bn: blocks(["IQ2_BN"], 64, 16, 4),
  iq1_bn: blocks(["IQ1_BN"], 64, 13, 2),
};

/** The layouts that go by the name I2_S; a file does not say which one it has. */
export type I2sLayout = Extract<Encoding, `i2_s${string}`>;

/** Their names for users and for the metadata key `bitnet.i2_s.layout`. */
export const I2S_LAYOUTS = {
  group128: "i2_s",
  group64: "i2_s_group64",
  row4: "i2_s_row4",
  seq_hi: "i2_s_seq_hi",
  seq_lo: "i2_s_seq_lo",
} as const satisfies Readonly<Record<string, I2sLayout>>;

/** Codes for -1, 0, +1 and scales, rather than numbers. */
export function isTernary(encoding: Encoding): boolean {
  return ENCODINGS[encoding].scales !== "none";
}

/** Encoding of a GGUF tensor type; undefined for types that this build cannot compute with. */
export function encodingOf(type: TensorType, i2sLayout: I2sLayout): Encoding | undefined {
  if (type.name === "I2_S") return i2sLayout;
  const names = Object.keys(ENCODINGS) as Encoding[];
  return names.find((name) => ENCODINGS[name].ggufTypes.includes(type.name));
}

/** GGUF tensor type that stores an encoding.
 *  Precondition: the encoding has one (it is not `hf_packed`). */
export function ggufTypeOf(encoding: Encoding): TensorType {
  const type = tensorTypeByName(ENCODINGS[encoding].ggufTypes[0] ?? "");
  if (!type) throw new Error(`${encoding} has no GGUF type`);
  return type;
}

/** Bytes of `rows` x `cols` weights without the tail; undefined when they do not fill whole blocks. */
export function payloadBytes(encoding: Encoding, rows: number, cols: number): number | undefined {
  const { order, blockElems, blockBytes, rowBytes, tailBytes } = ENCODINGS[encoding];
  if (order === "tl2") {
    const bytes = tensorBytes(ggufTypeOf(encoding), [cols, rows]);
    return bytes === undefined ? undefined : bytes - tailBytes;
  }
  if ((order === "rows" ? cols : rows * cols) % blockElems !== 0) return undefined;
  return ((rows * cols) / blockElems) * blockBytes + rows * rowBytes;
}

/** A matrix cut into runs of this many rows (the last may be shorter) is its runs' payloads one after
 *  another; undefined for encodings that cannot be cut. */
export function rowMultiple(
  encoding: Encoding,
  cols: number,
  tile: TileParams | undefined,
): number | undefined {
  const { order, blockElems } = ENCODINGS[encoding];
  switch (order) {
    case "rows":
      return 1;
    case "flat":
      return blockElems / greatestDivisor(blockElems, cols);
    case "quads":
      return blockElems;
    case "tl1":
      return tile?.rows;
    case "quarters":
    case "tl2":
      return undefined;
    default:
      return order satisfies never;
  }
}

/** Greatest common divisor of two positive numbers. */
export function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
