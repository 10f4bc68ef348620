import type { ModelSource, TensorSource } from "../checkpoint/source.ts";
import type { AddonHparams, KvType, WeightForm } from "../engine/binding.ts";
import { headCopyBytes, headOf, kvPositionBytes, loadedBytes } from "../engine/loaded-bytes.ts";
import type { TestCase } from "./plan.ts";

/** What a forward pass of a model reads and computes. */
export interface WorkFacts {
  /** Weights that every token needs, as they lie in memory: all matrices, and the head once. */
  readonly weightBytes: number;
  /** Multiplications and additions with the layers' weights, per token. */
  readonly layerOperations: number;
  /** The same of the head, which only tokens whose logits are wanted need. */
  readonly headOperations: number;
  /** Keys and values of one position, in all layers. */
  readonly kvBytes: number;
}

export function workFacts(
  source: ModelSource,
  hparams: AddonHparams,
  { kvType, weights }: { readonly kvType: KvType; readonly weights: WeightForm },
): WorkFacts {
  const head = headOf(source);
  const layers = source.tensors.filter(({ name, rows }) => name.startsWith("blk.") && rows > 1);
  // An F16 head is read from its int8 copy.
  const headBytes = head === undefined ? 0 : headCopyBytes(source) || loadedBytes(head, "fast");
  return {
    weightBytes: headBytes + sum(layers, (one) => loadedBytes(one, weights)),
    layerOperations: 2 * sum(layers, countWeights),
    headOperations: head === undefined ? 0 : 2 * countWeights(head),
    kvBytes: kvPositionBytes(hparams, kvType),
  };
}

/** Work of a whole test. */
export interface Work {
  /** Weights, keys and values read: by every token of a generation, once by every batch of a prompt
   *  (keys and values of a prompt apart, of which much is read from caches). */
  readonly bytes: number;
  /** Multiplications and additions with weights. */
  readonly operations: number;
}

export function workOf(
  { kind, tokens, depth }: TestCase,
  { weightBytes, layerOperations, headOperations, kvBytes }: WorkFacts,
  batchSize: number,
): Work {
  if (kind === "prompt") {
    const bytes = Math.ceil(tokens / batchSize) * weightBytes;
    return { bytes, operations: tokens * layerOperations + headOperations };
  }
  const meanPositions = Math.max(1, depth) + (tokens + 1) / 2;
  return {
    bytes: tokens * (weightBytes + kvBytes * meanPositions),
    operations: tokens * (layerOperations + headOperations),
  };
}

function countWeights({ rows, cols }: TensorSource): number {
  return rows * cols;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
