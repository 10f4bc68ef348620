import type { ModelSource } from "../checkpoint/source.ts";
import type { AddonHparams, KvType, WeightForm } from "../engine/binding.ts";
import { headCopyBytes, kvPositionBytes, loadedBytes, roundUp } from "../engine/loaded-bytes.ts";

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

/** The cache grows in chunks of this many positions. */
const KV_CHUNK_TOKENS = 64;
const FLOAT_BYTES = 4;
/** The engine takes memory in pages of 2 MB. */
const PAGE_BYTES = 2 * 1024 * 1024;

export function planMemory(
  source: ModelSource,
  hparams: AddonHparams,
  { contextLength, kvType, weights, headCopy, batchSize, availableBytes }: PlanOptions,
): MemoryPlan {
  const { nKvHeads, nHeads, headDim, dModel, dFf, vocabSize } = hparams;
  const positions = roundUp(contextLength, KV_CHUNK_TOKENS);
  const loaded = source.tensors.reduce((total, one) => total + loadedBytes(one, weights), 0);
  const weightBytes = wholePages(loaded + (headCopy ? headCopyBytes(source) : 0));
  const kvCacheBytes = positions * kvPositionBytes(hparams, kvType);
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
