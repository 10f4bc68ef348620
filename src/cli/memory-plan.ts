import { isTernary } from "../checkpoint/encodings.ts";
import type { ModelSource, TensorSource } from "../checkpoint/source.ts";
import type { AddonHparams, KvType, WeightForm } from "../engine/binding.ts";

/** What running a model will take, worked out from its header alone. */
export interface MemoryPlan {
  readonly contextLength: number;
  readonly kvType: KvType;
  /** The form that ternary weights get: "fast" also where there is no other. */
  readonly weights: WeightForm;
  readonly weightBytes: number;
  readonly kvCacheBytes: number;
  /** An estimate: the engine knows only once it has loaded the model. */
  readonly activationBytes: number;
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly fits: boolean;
}

export interface PlanOptions {
  readonly contextLength: number;
  readonly kvType: KvType;
  readonly weights: WeightForm;
  /** Whether an F16 head gets its int8 copy. */
  readonly headCopy: boolean;
  readonly batchSize: number;
  readonly availableBytes: number;
}

/** Bytes of an element, and of the scale that a head's keys or values of one position share. */
const KV_BYTES: Readonly<Record<KvType, { element: number; scale: number }>> = {
  f32: { element: 4, scale: 0 },
  f16: { element: 2, scale: 0 },
  bf16: { element: 2, scale: 0 },
  int8: { element: 1, scale: 4 },
};
/** The cache grows in chunks of this many positions. */
const KV_CHUNK_TOKENS = 64;
/** Ternary matrices are padded to whole groups of columns and blocks of rows. */
const GROUP_COLS = 128;
const BLOCK_ROWS = 16;
/** The compact form holds 20 weights of a row in four bytes. */
const COMPACT_COLS = 20;
const FLOAT_BYTES = 4;
const Q8_0_WEIGHTS = 32;
const Q8_0_BYTES = 34;
/** The engine takes memory in pages of 2 MB. */
const PAGE_BYTES = 2 * 1024 * 1024;

export function planMemory(
  source: ModelSource,
  hparams: AddonHparams,
  { contextLength, kvType, weights, headCopy, batchSize, availableBytes }: PlanOptions,
): MemoryPlan {
  const { nLayers, nKvHeads, nHeads, headDim, dModel, dFf, vocabSize } = hparams;
  const positions = roundUp(contextLength, KV_CHUNK_TOKENS);
  const loaded = source.tensors.reduce((total, one) => total + loadedBytes(one, weights), 0);
  const weightBytes = wholePages(loaded + (headCopy ? headCopyBytes(source) : 0));
  const kv = KV_BYTES[kvType];
  const kvCacheBytes = positions * nLayers * 2 * nKvHeads * (headDim * kv.element + kv.scale);
  const rowFloats = 3 * dModel + 2 * dFf + (2 * nHeads + 2 * nKvHeads) * headDim;
  const activationBytes = wholePages((batchSize * rowFloats + vocabSize) * FLOAT_BYTES);
  const totalBytes = weightBytes + kvCacheBytes + activationBytes;
  const fits = totalBytes <= availableBytes;
  return {
    contextLength,
    kvType,
    weights,
    weightBytes,
    kvCacheBytes,
    activationBytes,
    totalBytes,
    availableBytes,
    fits,
  };
}

function wholePages(bytes: number): number {
  return roundUp(bytes, PAGE_BYTES);
}

/** The copy of an F16 head: Q8_0 rows, and two numbers for each. */
function headCopyBytes({ tensors }: ModelSource): number {
  const named = (name: string) => tensors.find((tensor) => tensor.name === name);
  const head = named("output.weight") ?? named("token_embd.weight");
  if (head?.encoding !== "f16" || head.cols % Q8_0_WEIGHTS !== 0) return 0;
  return head.rows * ((head.cols / Q8_0_WEIGHTS) * Q8_0_BYTES + 2 * FLOAT_BYTES);
}

/** Ternary weights are repacked while they are loaded, master weights ternarised before. */
function loadedBytes(tensor: TensorSource, weights: WeightForm): number {
  if (!isTernary(tensor.encoding) && tensor.quantise === undefined) return tensor.bytes;
  const rows = roundUp(tensor.rows, BLOCK_ROWS);
  const cols = roundUp(tensor.cols, GROUP_COLS);
  const rowBytes = weights === "compact" ? 4 * Math.ceil(cols / COMPACT_COLS) : cols / 4;
  return rows * (rowBytes + FLOAT_BYTES);
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
