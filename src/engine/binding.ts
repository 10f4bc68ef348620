import type { Encoding, TileParams } from "../checkpoint/source.ts";

/** Typed mirror of the native addon: what crosses the boundary and nothing else. Token ids travel
 *  as Int32Array, logits as Float32Array. Errors carry `code` and `hint` (see `fromNative`). */
export interface Addon {
  /** What this CPU offers and which kernel target `BITNET_KERNEL` or detection chose. */
  cpuReport(): CpuReport;
  /** Measures what the machine could do at best, with kernels of the active target: reads go through
   *  `bytes` of memory, which should be far more than the caches hold. */
  machineLimits(request: { threads: number; bytes: number }): Promise<MachineLimits>;
  /** Starts counting an event of the kernel's perf subsystem on one CPU, whoever runs there; type and
   *  config are perf_event_attr's. A number is the system's error number, for what is refused. */
  openPerfCounter(event: { type: number; config: number; cpu: number }): AddonPerfCounter | number;
  /** Loads a model on native threads; `onProgress` gets bytes done and bytes in all. */
  loadModel(
    spec: AddonModelSpec,
    onProgress?: (doneBytes: number, totalBytes: number) => void,
  ): Promise<AddonModel>;
  /** Re-encodes whole rows. Trits never change; what else is lost is told, or refused.
   *  Errors: E_UNSUPPORTED when something would be lost and `allowLossy` is not set. */
  convert(request: ConvertRequest): Promise<{ bytes: Uint8Array; loss: ConversionLoss }>;
  /** The scales of the rows' weights other than zero. */
  scaleStats(request: RowsSpec): Promise<ScaleStats>;
  /** How two blocks of the same rows differ, whatever their encodings. */
  compareRows(request: { readonly a: RowsSpec; readonly b: RowsSpec }): Promise<RowsDifference>;
  /** Re-encodes whole rows; the output is exactly the rows' bytes, without a tensor tail. */
  convertRows(request: ConvertRowsRequest): Promise<Uint8Array>;
  /** Sum of |w| over whole rows in double precision, row by row; for absmean scales. */
  absSum(request: RowsRequest): Promise<number>;
  /** Largest |w| and whether every weight is -max, 0 or +max. */
  ternaryCheck(request: RowsRequest): Promise<{ max: number; ternary: boolean }>;
}

/** A block of whole rows in some encoding. Ternary weights are trit * scale. */
export interface RowsSpec {
  readonly from: Encoding;
  readonly rows: number;
  readonly cols: number;
  /** The rows' payload, contiguous. */
  readonly data: Uint8Array;
  readonly tile?: TileParams;
  /** Of ternary encodings that keep their scale apart, and of masters. Default 1. */
  readonly scale?: number;
  /** `hf_packed`: the row quarter (0..3) that is wanted of the packed bytes. */
  readonly quarter?: number;
  /** What floats are: numbers (the default), masters to be ternarised with `scale`, or ternary
   *  already, with one scale for every `group` neighbours in a row. */
  readonly floats?: "masters" | "unpacked";
  readonly group?: number;
}

export interface ConvertRequest extends RowsSpec {
  readonly to: Encoding;
  readonly toTile?: TileParams;
  /** Scale of ternary output that keeps it apart. Default 1. */
  readonly toScale?: number;
  readonly allowLossy?: boolean;
}

/** All zero when a conversion was exact. */
export interface ConversionLoss {
  /** Scales that the output's number format does not hold. */
  readonly scalesRounded: number;
  /** Scales that gave way to another one. */
  readonly scalesMerged: number;
  /** Weights that a float output does not hold. */
  readonly weightsRounded: number;
  /** Largest relative change of a scale or weight. */
  readonly maxRelative: number;
}

/** Sums can be put together over blocks; all 0 for a block of zeros. */
export interface ScaleStats {
  readonly min: number;
  readonly max: number;
  /** Weights other than zero. */
  readonly nonzeros: number;
  /** Sum of such weights' scales. */
  readonly weightedSum: number;
}

export interface RowsDifference {
  /** Weights with another sign, or zero in one of the two. */
  readonly trits: number;
  /** Weights with another value, those included. */
  readonly weights: number;
  readonly maxRelative: number;
}

export interface RowsRequest {
  readonly from: Encoding;
  readonly rows: number;
  readonly cols: number;
  /** The rows' bytes, contiguous. */
  readonly data: Uint8Array;
}

export interface ConvertRowsRequest extends RowsRequest {
  readonly to: Encoding;
  /** Weight scale: dequantises ternary input to floats, ternarises floats to ternary output. */
  readonly scale: number;
  /** `hf_packed` input: which row quarter (0..3) of the packed bytes is wanted. */
  readonly quarter?: number;
}

export interface CpuReport {
  readonly brand: string;
  readonly arch: string;
  /** Instruction-set features that both the CPU and the operating system offer. */
  readonly features: readonly string[];
  readonly targets: readonly KernelTarget[];
  /** Name of the target in use. */
  readonly active: string;
  /** One clause: why this target is active. */
  readonly reason: string;
  /** Whether the active target can hold ternary weights in the compact form. */
  readonly compactWeights: boolean;
}

/** Per second, by all threads together. */
export interface MachineLimits {
  readonly readBytes: number;
  /** Multiplications and additions of int8 dot products; 0 where no loop is known for the target. */
  readonly int8Operations: number;
  readonly f32Operations: number;
}

export interface AddonPerfCounter {
  /** Events since it was opened. */
  read(): number;
  close(): void;
}

export interface KernelTarget {
  readonly name: string;
  readonly runnable: boolean;
  /** Features that this CPU lacks for the target. */
  readonly missing: readonly string[];
}

/** Hyper-parameters in the names of the conventions page. */
export interface AddonHparams {
  readonly family: string;
  readonly nLayers: number;
  readonly dModel: number;
  readonly dFf: number;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly activation: "relu2" | "silu" | "gelu";
  readonly activationMode: ActivationMode;
  /** RoPE stretched by YaRN; absent: plain RoPE. */
  readonly yarn?: YarnParams;
}

/** Inputs of ternary matrices: int8 with one scale per token or per 32 inputs, or floats. A model with
 *  several scales in a matrix takes "token" as "blocks": it was trained with 16-bit inputs. */
export type ActivationMode = "token" | "blocks" | "floats";

export interface YarnParams {
  readonly factor: number;
  /** Context length that the model was trained with, in tokens. */
  readonly originalContext: number;
  readonly attentionFactor?: number;
  readonly betaFast?: number;
  readonly betaSlow?: number;
}

export interface AddonTensor {
  readonly name: string;
  readonly encoding: Encoding;
  readonly rows: number;
  readonly cols: number;
  readonly file: number;
  readonly offset: number;
  readonly bytes: number;
  readonly scale?: number;
  readonly quantise?: "absmean";
  readonly tile?: TileParams;
  /** Heads whose rows are to be put from adjacent-pair into rotate-half order. */
  readonly adjacentHeads?: number;
  /** A norm whose weights are stored less 1. */
  readonly plusOne?: true;
}

/** y += scale * b . (a . x); `a` is [rank, cols], `b` is [rows, rank], both floats. */
export interface AddonAdapter {
  /** GGUF name of the matrix, e.g. `blk.0.attn_q.weight`. */
  readonly target: string;
  readonly scale: number;
  readonly a: AddonTensor;
  readonly b: AddonTensor;
}

export type KvType = "f32" | "f16" | "bf16" | "int8";

/** Ternary weights in memory: 2 bits each, or 1.6 where the kernel target knows how. */
export type WeightForm = "fast" | "compact";

export interface AddonModelSpec {
  readonly files: readonly string[];
  readonly hparams: AddonHparams;
  readonly tensors: readonly AddonTensor[];
  /** Low-rank updates (LoRA) of matrices; a matrix may have several. */
  readonly adapters?: readonly AddonAdapter[];
  readonly threads: number;
  /** Run from the file's pages instead of a copy in large pages. */
  readonly mmap: boolean;
  /** Default "fast". */
  readonly weights?: WeightForm;
  /** Keep an int8 copy of an F16 head, by which greedy and top-k choices read half of it. Default
   *  true; not with `mmap`. */
  readonly headCopy?: boolean;
  readonly kvType: KvType;
  /** Tokens per forward pass at most; a long prompt is evaluated in chunks of this size. */
  readonly batchSize: number;
}

export interface MemoryReport {
  readonly weightBytes: number;
  readonly kvCacheBytes: number;
  readonly activationBytes: number;
  /** Bytes of one 64-position chunk of KV cache. */
  readonly kvChunkBytes: number;
  /** Changes with the order of the numbers in a chunk. */
  readonly kvLayout: number;
  /** True when the kernel backed the weights with 2 MB pages (as far as it tells). */
  readonly hugePages: boolean;
}

export interface AddonModel {
  createSequence(contextLength: number): AddonSequence;
  memory(): MemoryReport;
  /** Frees weights and caches once every running generation has ended. */
  close(): Promise<void>;
}

/** One conversation's place in the engine: its tokens so far and their KV cache. */
export interface AddonSequence {
  /** Positions filled so far. */
  length(): number;
  /** Forgets every position from `length` on. */
  truncate(length: number): void;
  /** Evaluates `tokens` after the present position, then generates. `onEvents` is called on the
   *  main thread, never twice for the same token; the promise settles after the last call. */
  generate(
    tokens: Int32Array,
    params: GenerateParams,
    onEvents: (events: GenerateEvents) => void,
  ): Promise<GenerateResult>;
  /** Answers a mask request: the tokens allowed at step `step`, bit id % 32 of word id / 32. No words
   *  at all mean any token, words without a token of the vocabulary end the text. */
  setMask(step: number, allowed: Uint32Array): void;
  /** Evaluates tokens and returns logits [n, vocabSize], n = 1 (last position) or all, or the hidden
   *  states of all positions after the last norm [n, dModel]. */
  evaluate(tokens: Int32Array, which: "last" | "all" | "hidden"): Promise<Float32Array>;
  /** A copy of a chunk (64 positions of all layers) of the KV cache, of `MemoryReport.kvChunkBytes`. */
  readChunk(index: number): Uint8Array;
  /** Fills an empty sequence with tokens and the chunks of their KV cache, which must come from the
   *  same model under the same kernel target and KV type. */
  restore(tokens: Int32Array, chunks: readonly Uint8Array[]): void;
  /** Stops a running generation at the next token or prefill chunk. */
  cancel(): void;
  close(): void;
}

export interface GenerateParams {
  /** Tokens to generate at most; -1 means until a stop token or a full context. */
  readonly maxTokens: number;
  readonly stopTokens: Int32Array;
  readonly sampling: SamplingParams;
  /** Alternatives reported per token (0: none; -1: no log-probabilities at all). */
  readonly logprobs: number;
  /** Ask for a mask before every step. */
  readonly masked: boolean;
  /** "always", whether it gains or not, is for tests. */
  readonly speculate: Speculate | "always";
}

/** Evaluate guesses of the next tokens (what followed the same words earlier) along with the last
 *  token, when that gains time. The tokens that come out are the same. */
export type Speculate = "auto" | "off";

/** Order of application: bias, penalties, top-k, top-p, min-p, temperature, draw. */
export interface SamplingParams {
  /** 0 chooses the most likely token. */
  readonly temperature: number;
  /** 0 keeps all. */
  readonly topK: number;
  /** 1 keeps all. */
  readonly topP: number;
  /** 0 keeps all. */
  readonly minP: number;
  /** 1 is off. */
  readonly repeatPenalty: number;
  /** Tokens looked back on by the three penalties; -1 means the whole sequence. */
  readonly repeatLastN: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly seed: bigint;
  readonly logitBias: ReadonlyArray<readonly [tokenId: number, bias: number]>;
}

export interface TokenLogprob {
  readonly token: number;
  readonly logprob: number;
}

/** What happened since the last call; several tokens may arrive at once. */
export interface GenerateEvents {
  readonly tokens: Int32Array;
  /** Per token of `tokens`, when log-probabilities were asked for. */
  readonly logprobs?: readonly {
    readonly logprob: number;
    readonly top: readonly TokenLogprob[];
  }[];
  /** Prompt tokens evaluated so far, while the prompt is being evaluated. */
  readonly promptDone?: number;
  /** The step whose mask the engine waits for. */
  readonly maskStep?: number;
}

export type FinishReason = "stop" | "length" | "context" | "cancelled";

export interface GenerateResult {
  readonly finishReason: FinishReason;
  /** The stop token that ended the text, when `finishReason` is "stop". */
  readonly stopToken?: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Guessed tokens that were evaluated, and those of them that were right. */
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
  readonly promptMs: number;
  readonly generateMs: number;
  /** From the call to the first sampled token. */
  readonly firstTokenMs: number;
}
