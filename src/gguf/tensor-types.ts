import type { Metadata } from "./types.ts";

/** A tensor type of ggml or of one of its forks: what its bytes measure, not what they mean. */
export interface TensorType {
  readonly id: number;
  readonly name: string;
  readonly blockElems: number;
  readonly blockBytes: number;
  /** Bytes in front of every row (row scales of ik_llama.cpp's types). */
  readonly rowBytes?: number;
  /** Bytes after the last row (the scale of the bitnet.cpp types). */
  readonly tailBytes?: number;
  /** Blocks run across row ends, so that only the product of the dimensions must fill them. */
  readonly flat?: boolean;
  /** Overrides the block formula; undefined when the shape cannot have this type. */
  readonly size?: (k: number, m: number) => number | undefined;
  /** The id is in use by forks alone: the file's offsets must bear out the type's sizes. */
  readonly proveByOffsets?: boolean;
  /** Tells a type from another one with the same id and the same sizes. */
  readonly isMarked?: (metadata: Metadata) => boolean;
}

type Row = readonly [id: number, name: string, blockElems: number, blockBytes: number];

/** Ids 4, 5 (dead), 31..33 and 37 (in memory only) are left out on purpose. */
const GGML: readonly Row[] = [
  [0, "F32", 1, 4],
  [1, "F16", 1, 2],
  [2, "Q4_0", 32, 18],
  [3, "Q4_1", 32, 20],
  [6, "Q5_0", 32, 22],
  [7, "Q5_1", 32, 24],
  [8, "Q8_0", 32, 34],
  [9, "Q8_1", 32, 36],
  [10, "Q2_K", 256, 84],
  [11, "Q3_K", 256, 110],
  [12, "Q4_K", 256, 144],
  [13, "Q5_K", 256, 176],
  [14, "Q6_K", 256, 210],
  [15, "Q8_K", 256, 292],
  [16, "IQ2_XXS", 256, 66],
  [17, "IQ2_XS", 256, 74],
  [18, "IQ3_XXS", 256, 98],
  [19, "IQ1_S", 256, 50],
  [20, "IQ4_NL", 32, 18],
  [21, "IQ3_S", 256, 110],
  [22, "IQ2_S", 256, 82],
  [23, "IQ4_XS", 256, 136],
  [24, "I8", 1, 1],
  [25, "I16", 1, 2],
  [26, "I32", 1, 4],
  [27, "I64", 1, 8],
  [28, "F64", 1, 8],
  [29, "IQ1_M", 256, 56],
  [30, "BF16", 1, 2],
  [34, "TQ1_0", 256, 54],
  [35, "TQ2_0", 256, 66],
  [39, "MXFP4", 32, 17],
  [40, "NVFP4", 64, 36],
  [41, "Q1_0", 128, 18],
  [42, "Q2_0", 64, 18],
];

/** bitnet.cpp's tables call it 1 element in 1 byte; the real length is this, in integer arithmetic
 *  from left to right. The formula takes a 256-wide part of two-weight groups for granted; the
 *  payload is shorter and padded with zeros. Tiles are 32 rows high, or several times that. */
function tl2Bytes(k: number, m: number): number | undefined {
  if (k < 256 || m % 32 !== 0) return undefined;
  const three = Math.floor((Math.floor(((k - 256) * m) / 3) * 5) / 8);
  const two = Math.floor((Math.floor((256 * m) / 2) * 4) / 8);
  return Math.ceil((three + two) / 32) * 32 + 32;
}

/** What one other program writes in the place of Q2_0_G128: the scale behind the codes. Its files say
 *  so in this key, where all others have the number 2. */
const isScaleLast = (metadata: Metadata): boolean =>
  metadata.get("general.quantization_version")?.value === "TQ2_0_G128";

const FORKS: readonly TensorType[] = [
  { id: 36, name: "I2_S", blockElems: 4, blockBytes: 1, tailBytes: 32, flat: true },
  { id: 38, name: "TL1", blockElems: 4, blockBytes: 1, tailBytes: 32, flat: true },
  { id: 39, name: "TL2", blockElems: 1, blockBytes: 1, size: tl2Bytes },
  { id: 40, name: "Q1_0_G32", blockElems: 32, blockBytes: 6 },
  { id: 42, name: "TL2", blockElems: 1, blockBytes: 1, size: tl2Bytes },
  { id: 42, name: "Q2_0_G128", blockElems: 128, blockBytes: 34 },
  {
    id: 42,
    name: "Q2_0_G128_D_LAST",
    blockElems: 128,
    blockBytes: 34,
    isMarked: isScaleLast,
  },
  { id: 42, name: "STQ1_0", blockElems: 256, blockBytes: 42 },
  { id: 43, name: "STQ1_0", blockElems: 256, blockBytes: 42, proveByOffsets: true },
  { id: 134, name: "IQ1_BN", blockElems: 64, blockBytes: 13, rowBytes: 2 },
  { id: 135, name: "IQ2_BN", blockElems: 64, blockBytes: 16, rowBytes: 4 },
  { id: 142, name: "PQ2_0", blockElems: 128, blockBytes: 34, proveByOffsets: true },
  { id: 143, name: "PTQ1_0", blockElems: 128, blockBytes: 28, proveByOffsets: true },
  { id: 335, name: "IQ2_BN_R4", blockElems: 64, blockBytes: 16, rowBytes: 4 },
];

/** Every type we know. One id may have several rows: forks gave the same number to different
 *  types, and only the file's offsets tell which one was meant. */
export const TENSOR_TYPES: readonly TensorType[] = [
  ...GGML.map(([id, name, blockElems, blockBytes]) => ({ id, name, blockElems, blockBytes })),
  ...FORKS,
];

/** The types that share an id; empty when nobody is known to use it. */
export function tensorTypesById(id: number): readonly TensorType[] {
  return TENSOR_TYPES.filter((type) => type.id === id);
}

/** Looks a type up by name; the first id wins where a name has two. */
export function tensorTypeByName(name: string): TensorType | undefined {
  return TENSOR_TYPES.find((type) => type.name === name);
}

/** Bytes of a tensor of `dims` (fastest first), tail included; undefined when the shape does not
 *  fill whole blocks. Exact as long as the product of the dimensions is a safe integer. */
export function tensorBytes(type: TensorType, dims: readonly number[]): number | undefined {
  const k = dims[0] ?? 1;
  const rows = dims.slice(1).reduce((product, dim) => product * dim, 1);
  if (type.size) return type.size(k, rows);
  const elems = k * rows;
  if ((type.flat ? elems : k) % type.blockElems !== 0) return undefined;
  const payload = (elems / type.blockElems) * type.blockBytes;
  return payload + rows * (type.rowBytes ?? 0) + (type.tailBytes ?? 0);
}
