import { importScript } from "./run-script.ts";

/** Options of scripts/make-model.mjs, which is plain JavaScript. */
export interface MakeModelOptions {
  readonly output: string;
  readonly family?: "bitnet-b1.58" | "bitnet" | "llama" | "qwen3" | "gemma3";
  readonly format?: "packed" | "masters" | "unpacked" | "gguf";
  /** Weights that share a scale where they are written as numbers; 0: a row. */
  readonly group?: number;
  readonly embdType?: "f16" | "q8_0" | "q6_k";
  readonly seed?: number;
  readonly preset?: string;
  readonly shape?: Readonly<Partial<Record<ShapeKey, number>>>;
}

type ShapeKey =
  | "dModel"
  | "dFf"
  | "nLayers"
  | "nHeads"
  | "nKvHeads"
  | "vocabSize"
  | "contextLength"
  | "headDim"
  | "yarnFactor";

/** Writes a random model. */
export async function makeModel(options: MakeModelOptions): Promise<void> {
  const script = await importScript<{ makeModel: typeof makeModel }>("make-model.mjs");
  await script.makeModel(options);
}
