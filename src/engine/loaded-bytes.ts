import { isTernary } from "../checkpoint/encodings.ts";
import type { ModelSource, TensorSource } from "../checkpoint/source.ts";
import type { AddonHparams, KvType, WeightForm } from "./binding.ts";

/** Ternary matrices are padded to whole groups of columns and blocks of rows. */
const GROUP_COLS = 128;
const BLOCK_ROWS = 16;
/** The compact form holds 20 weights of a row in four bytes. */
const COMPACT_COLS = 20;
const FLOAT_BYTES = 4;
const Q8_0_WEIGHTS = 32;
const Q8_0_BYTES = 34;
/** Bytes of an element, and of the scale that a head's keys or values of one position share. */
const KV_BYTES: Readonly<Record<KvType, { element: number; scale: number }>> = {
  f32: { element: 4, scale: 0 },
  f16: { element: 2, scale: 0 },
  bf16: { element: 2, scale: 0 },
  int8: { element: 1, scale: 4 },
};

/** Whether the engine holds the tensor as trits: ternary weights are repacked while they are loaded,
 *  master weights ternarised before. */
export function loadsAsTernary({ encoding, quantise }: TensorSource): boolean {
  return isTernary(encoding) || quantise !== undefined;
}

/** Bytes that a tensor takes in the engine's memory. */
export function loadedBytes(tensor: TensorSource, weights: WeightForm): number {
  if (!loadsAsTernary(tensor)) return tensor.bytes;
  const rows = roundUp(tensor.rows, BLOCK_ROWS);
  const cols = roundUp(tensor.cols, GROUP_COLS);
  const rowBytes = weights === "compact" ? 4 * Math.ceil(cols / COMPACT_COLS) : cols / 4;
  return rows * (rowBytes + FLOAT_BYTES);
}

/** The matrix that gives the logits: the embedding, where there is no other. */
export function headOf({ tensors }: ModelSource): TensorSource | undefined {
  const named = (name: string) => tensors.find((tensor) => tensor.name === name);
  return named("output.weight") ?? named("token_embd.weight");
}

/** The copy of an F16 head: Q8_0 rows, and two numbers for each; 0 where there is none. */
export function headCopyBytes(source: ModelSource): number {
  const head = headOf(source);
  if (head?.encoding !== "f16" || head.cols % Q8_0_WEIGHTS !== 0) return 0;
  return head.rows * ((head.cols / Q8_0_WEIGHTS) * Q8_0_BYTES + 2 * FLOAT_BYTES);
}

/** Keys and values of one position, in all layers. */
export function kvPositionBytes(
  { nLayers, nKvHeads, headDim }: AddonHparams,
  kvType: KvType,
): number {
  const { element, scale } = KV_BYTES[kvType];
  return nLayers * 2 * nKvHeads * (headDim * element + scale);
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
