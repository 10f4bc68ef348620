import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { openModelSource } from "../../src/checkpoint/open.ts";
import type {
  Addon,
  AddonHparams,
  AddonModel,
  AddonModelSpec,
  AddonSequence,
  GenerateParams,
  GenerateResult,
  KvType,
  SamplingParams,
  TokenLogprob,
  WeightForm,
} from "../../src/engine/binding.ts";
import { tokenSet } from "../../src/engine/constraint.ts";
import { goldenPath, readGoldenJson } from "./golden.ts";

/** The three forms of golden model a; all hold the same weights. */
export const FORMS_OF_A = {
  "a-packed": "models/a-packed",
  "a-master-bf16": "models/a-master-bf16",
  "a-gguf": "gguf/a.i2_s.gguf",
} as const;
export type GoldenModel = keyof typeof FORMS_OF_A;

export interface EngineOptions {
  readonly kvType?: KvType;
  readonly threads?: number;
  readonly batchSize?: number;
  readonly mmap?: boolean;
  readonly weights?: WeightForm;
  readonly headCopy?: boolean;
}

export const ADDON_PATH = fileURLToPath(
  new URL("../../build/Release/bitnet.node", import.meta.url),
);

let addon: Addon | undefined;

/** The addon itself, below the layer that src/engine puts around it. */
export function loadAddon(): Addon {
  addon ??= createRequire(import.meta.url)(ADDON_PATH) as Addon;
  return addon;
}

/** What the engine is asked to load: plain data, so that a child process can be given it too. The
 *  hyper-parameters come from the checkpoint's config.json, apart from the code under test. */
export async function goldenSpec(
  name: GoldenModel,
  options: EngineOptions = {},
): Promise<AddonModelSpec> {
  const { files, tensors } = await openModelSource(goldenPath(FORMS_OF_A[name]));
  return {
    kvType: "f32",
    threads: 2,
    batchSize: 512,
    mmap: false,
    headCopy: true,
    ...options,
    files,
    tensors,
    hparams: goldenHparams("models/a-packed"),
  };
}

function goldenHparams(dir: string): AddonHparams {
  const config = readGoldenJson<Record<string, number>>(`${dir}/config.json`);
  const number = (key: string) => config[key] ?? Number.NaN;
  return {
    family: "bitnet-b1.58",
    nLayers: number("num_hidden_layers"),
    dModel: number("hidden_size"),
    dFf: number("intermediate_size"),
    nHeads: number("num_attention_heads"),
    nKvHeads: number("num_key_value_heads"),
    headDim: config["head_dim"] ?? number("hidden_size") / number("num_attention_heads"),
    vocabSize: number("vocab_size"),
    contextLength: number("max_position_embeddings"),
    rmsNormEps: number("rms_norm_eps"),
    ropeTheta: number("rope_theta"),
    activation: "relu2",
    activationMode: "token",
  };
}

export async function loadGolden(
  name: GoldenModel,
  options: EngineOptions = {},
): Promise<AddonModel> {
  return loadAddon().loadModel(await goldenSpec(name, options));
}

/** Evaluates tokens piece by piece in a new sequence; logits [n, vocabSize] of all positions. */
export async function evaluateAll(
  model: AddonModel,
  pieces: readonly (readonly number[])[],
): Promise<Float32Array> {
  const n = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const sequence = model.createSequence(n);
  try {
    return await evaluatePieces(sequence, pieces);
  } finally {
    sequence.close();
  }
}

export async function evaluatePieces(
  sequence: AddonSequence,
  pieces: readonly (readonly number[])[],
): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (const piece of pieces) parts.push(await sequence.evaluate(Int32Array.from(piece), "all"));
  return concat(parts);
}

export function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The likeliest token, nothing else at work. */
export const GREEDY: SamplingParams = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  repeatLastN: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  seed: 0n,
  logitBias: [],
};

export interface Generation extends GenerateResult {
  readonly tokens: number[];
  readonly logprobs: { readonly logprob: number; readonly top: readonly TokenLogprob[] }[];
  /** Steps that asked for a mask, in order. */
  readonly maskSteps: number[];
}

export interface GenerateOptions
  extends Partial<Omit<GenerateParams, "sampling" | "stopTokens" | "masked">> {
  readonly sampling?: Partial<SamplingParams>;
  readonly stopTokens?: readonly number[];
  /** Answers mask requests, now or (undefined) later by `setMask`. */
  readonly mask?: (step: number) => readonly number[] | undefined;
  /** Called after each event with the tokens so far. */
  readonly onTokens?: (tokens: readonly number[]) => void;
}

/** Generates in a sequence and gathers what it reported. */
export async function generateIn(
  sequence: AddonSequence,
  prompt: readonly number[],
  options: GenerateOptions = {},
): Promise<Generation> {
  const { sampling, stopTokens = [], mask, onTokens, ...rest } = options;
  const tokens: number[] = [];
  const logprobs: Generation["logprobs"] = [];
  const maskSteps: number[] = [];
  const params: GenerateParams = {
    maxTokens: 16,
    logprobs: -1,
    masked: mask !== undefined,
    speculate: "auto",
    ...rest,
    stopTokens: Int32Array.from(stopTokens),
    sampling: { ...GREEDY, ...sampling },
  };
  const result = await sequence.generate(Int32Array.from(prompt), params, (events) => {
    tokens.push(...events.tokens);
    logprobs.push(...(events.logprobs ?? []));
    if (events.maskStep !== undefined && mask) {
      maskSteps.push(events.maskStep);
      const allowed = mask(events.maskStep);
      if (allowed) sequence.setMask(events.maskStep, tokenSet(allowed));
    }
    onTokens?.(tokens);
  });
  return { ...result, tokens, logprobs, maskSteps };
}

/** The same in a sequence of its own. */
export async function generate(
  model: AddonModel,
  prompt: readonly number[],
  options: GenerateOptions & { readonly contextLength?: number } = {},
): Promise<Generation> {
  const { contextLength = 512, ...rest } = options;
  const sequence = model.createSequence(contextLength);
  try {
    return await generateIn(sequence, prompt, rest);
  } finally {
    sequence.close();
  }
}
