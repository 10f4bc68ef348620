import type { ModelSource } from "../../checkpoint/source.ts";
import { hparamsOf } from "../../engine/hparams.ts";
import { headOf } from "../../engine/loaded-bytes.ts";

/** What decides the speed of a model: models of one shape are tuned alike. */
export function modelShape(source: ModelSource): string {
  const { family, nLayers, dModel, dFf, nHeads, nKvHeads, headDim, vocabSize } = hparamsOf(
    source.metadata,
  );
  const head = headOf(source)?.encoding ?? "none";
  const sizes = `${nLayers}x${dModel}x${dFf}, heads ${nHeads}/${nKvHeads}x${headDim}`;
  return `${family}, ${sizes}, vocabulary ${vocabSize} ${head}`;
}

/** The processor, as far as tuning goes: the same one with fewer CPUs is another. */
export function cpuShape({ brand, logicalCpus }: { brand: string; logicalCpus: number }): string {
  return `${brand}, ${logicalCpus} CPUs`;
}
