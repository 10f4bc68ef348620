import type { ModelSource, TensorSource } from "../checkpoint/source.ts";
import type { AddonHparams, KvType } from "../engine/binding.ts";

/** What running a model will take, worked out from its header alone. */
export interface MemoryPlan {
  readonly contextLength: number;
  readonly kvType: KvType;
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
  readonly batchSize: number;
  readonly availableBytes: number;
}

const KV_BYTES: Readonly<Record<KvType, number>> = { f32: 4, f16: 2, bf16: 2 };
/** The cache grows in chunks of this many positions. */
const KV_CHUNK_TOKENS = 64;
const I2_S_TAIL_BYTES = 32;
const WEIGHTS_PER_BYTE = 4;
const FLOAT_BYTES = 4;
/** The engine takes memory in pages of 2 MB. */
const PAGE_BYTES = 2 * 1024 * 1024;

export function planMemory(
  source: ModelSource,
  hparams: AddonHparams,
  { contextLength, kvType, batchSize, availableBytes }: PlanOptions,
): MemoryPlan {
  const { nLayers, nKvHeads, nHeads, headDim, dModel, dFf, vocabSize } = hparams;
  const positions = Math.ceil(contextLength / KV_CHUNK_TOKENS) * KV_CHUNK_TOKENS;
  const loaded = source.tensors.reduce((total, tensor) => total + loadedBytes(tensor), 0);
  const weightBytes = wholePages(loaded);
  const kvCacheBytes = positions * nLayers * 2 * nKvHeads * headDim * KV_BYTES[kvType];
  const rowFloats = 3 * dModel + 2 * dFf + (2 * nHeads + 2 * nKvHeads) * headDim;
  const activationBytes = wholePages((batchSize * rowFloats + vocabSize) * FLOAT_BYTES);
  const totalBytes = weightBytes + kvCacheBytes + activationBytes;
  const fits = totalBytes <= availableBytes;
  return {
    contextLength,
    kvType,
    weightBytes,
    kvCacheBytes,
    activationBytes,
    totalBytes,
    availableBytes,
    fits,
  };
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** Master weights are ternarised while they are loaded. */
function loadedBytes({ rows, cols, bytes, quantise }: TensorSource): number {
  return quantise === undefined ? bytes : (rows * cols) / WEIGHTS_PER_BYTE + I2_S_TAIL_BYTES;
}
