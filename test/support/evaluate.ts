import { type OpenOptions, openModelSource } from "../../src/checkpoint/open.ts";
import type { ModelSource } from "../../src/checkpoint/source.ts";
import { type ActivationsOption, hparamsOf } from "../../src/engine/hparams.ts";
import { loadAddon } from "../../src/engine/load-addon.ts";

export interface EvaluateOptions extends OpenOptions {
  readonly activations?: ActivationsOption;
  /** Logits, or states after the last norm; of all positions. Default: logits. */
  readonly which?: "all" | "hidden";
}

/** What a model on disk computes with an f32 cache. It needs no tokenizer. */
export async function evaluate(
  path: string,
  ids: readonly number[],
  options: EvaluateOptions = {},
): Promise<Float32Array> {
  return evaluateSource(await openModelSource(path, options), ids, options);
}

export async function evaluateSource(
  { files, tensors, metadata }: ModelSource,
  ids: readonly number[],
  { activations = "int8", which = "all" }: EvaluateOptions = {},
): Promise<Float32Array> {
  const inputNorms = tensors.some(({ name }) => name.endsWith("_norm_in.weight"));
  const hparams = hparamsOf(metadata, activations, inputNorms);
  const engine = { kvType: "f32", threads: 2, batchSize: 64, mmap: false } as const;
  const model = await loadAddon().loadModel({ files, tensors, hparams, ...engine });
  try {
    const sequence = model.createSequence(ids.length);
    return await sequence.evaluate(Int32Array.from(ids), which);
  } finally {
    await model.close();
  }
}
