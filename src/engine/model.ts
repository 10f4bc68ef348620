import type { ModelSource } from "../checkpoint/source.ts";
import { fromNative, UsageError } from "../errors.ts";
import type { Metadata } from "../gguf/types.ts";
import { tokenizerFromMetadata } from "../tokenizer/from-gguf.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type {
  Addon,
  AddonAdapter,
  AddonHparams,
  AddonModel,
  AddonTensor,
  KvType,
  MemoryReport,
  WeightForm,
} from "./binding.ts";
import { type ActivationsOption, hparamsOf } from "./hparams.ts";
import { loadAddon } from "./load-addon.ts";
import { Session } from "./session.ts";
import { defaultThreads } from "./threads.ts";

export interface ModelOptions {
  /** Threads of the engine. Default: one per physical core. */
  readonly threads?: number | undefined;
  /** Element type of the KV cache. Default "f16". */
  readonly kvType?: KvType | undefined;
  /** Tokens per forward pass at most. Default 512. */
  readonly batchSize?: number | undefined;
  /** Run from the file's pages instead of a copy in large pages: less memory, slower. */
  readonly mmap?: boolean | undefined;
  /** Ternary weights in memory: "fast" in 2 bits each (the default), or "compact" in 1.6 where the CPU
   *  has kernels for that. The same results. */
  readonly weights?: WeightForm | undefined;
  /** Keep an int8 copy of an F16 output head, so that greedy and top-k sampling (k up to 64) read
   *  half of its bytes, with the same result. Default true; not with `mmap`. */
  readonly headCopy?: boolean | undefined;
  /** Inputs of ternary matrices: "int8" as suits the model (the default), or "none": floats, the slow
   *  reference. */
  readonly activations?: ActivationsOption | undefined;
  /** Pre-tokenizer to use instead of the model's, by its GGUF name. */
  readonly preTokenizer?: string | undefined;
  /** Low-rank updates to apply, see `openAdapters`. Default: none. */
  readonly adapters?: Adapters | undefined;
  /** Called with the bytes of weights loaded so far and in all. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

/** Low-rank updates of a model's matrices, and the files that hold them. */
export interface Adapters {
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Their tensors' `file` is an index into `files`. */
  readonly updates: readonly AddonAdapter[];
}

const NO_ADAPTERS: Adapters = { files: [], updates: [] };
const DEFAULT_BATCH_SIZE = 512;
const DEFAULT_KV_TYPE = "f16";
const DEFAULT_WEIGHTS = "fast";

/** A loaded model: weights, tokenizer and the engine that runs them. */
export class Model {
  readonly path: string;
  readonly metadata: Metadata;
  readonly hparams: AddonHparams;
  readonly tokenizer: Tokenizer;
  readonly threads: number;
  readonly kvType: KvType;
  /** Files that its weights come from, adapters included. */
  readonly files: readonly string[];
  /** What was guessed or corrected while reading the model: for the user to know. */
  readonly notes: readonly string[];
  readonly #native: AddonModel;

  private constructor(
    source: ModelSource,
    parts: Pick<Model, "hparams" | "tokenizer" | "threads" | "kvType" | "files" | "notes">,
    native: AddonModel,
  ) {
    this.path = source.path;
    this.metadata = source.metadata;
    this.hparams = parts.hparams;
    this.tokenizer = parts.tokenizer;
    this.threads = parts.threads;
    this.kvType = parts.kvType;
    this.files = parts.files;
    this.notes = [...source.notes, ...parts.tokenizer.notes, ...parts.notes];
    this.#native = native;
  }

  /** Loads a model; weights are read on native threads while the tokenizer is built.
   *  @throws {UsageError}        options that exclude one another
   *  @throws {ModelFormatError}  missing or misshapen tensors, damaged metadata
   *  @throws {UnsupportedError}  a family or an encoding that this build does not know
   *  @throws {ResourceError}     not enough memory
   *  @throws {AddonError}        the native engine is not there */
  static async load(source: ModelSource, options: ModelOptions = {}): Promise<Model> {
    const addon = loadAddon();
    const { mmap = false, weights = DEFAULT_WEIGHTS } = options;
    const notes = weightNotes(addon, weights, mmap);
    const hparams = hparamsOf(source.metadata, options.activations, hasInputNorms(source));
    const threads = options.threads ?? defaultThreads();
    const { files, updates } = options.adapters ?? NO_ADAPTERS;
    const behind = (tensor: AddonTensor) => ({
      ...tensor,
      file: tensor.file + source.files.length,
    });
    const kvType = options.kvType ?? DEFAULT_KV_TYPE;
    const allFiles = [...source.files, ...files];
    const loading = addon.loadModel(
      {
        files: allFiles,
        tensors: source.tensors,
        adapters: updates.map((one) => ({ ...one, a: behind(one.a), b: behind(one.b) })),
        hparams,
        threads,
        kvType,
        batchSize: options.batchSize ?? DEFAULT_BATCH_SIZE,
        mmap,
        weights,
        headCopy: options.headCopy ?? true,
      },
      options.onProgress,
    );
    try {
      const tokenizer = tokenizerFromMetadata(source.metadata, { pre: options.preTokenizer });
      const parts = { hparams, threads, kvType, files: allFiles, tokenizer, notes };
      return new Model(source, parts, await loading);
    } catch (error) {
      // A tokenizer that cannot be built must not leave the weights behind.
      void loading.then((native) => native.close()).catch(() => {});
      throw fromNative(error);
    }
  }

  /** A new conversation. `contextLength` (tokens) defaults to the model's own limit; its memory is
   *  taken as it fills.
   *  @throws {UsageError} the context is longer than the model was made for */
  createSession(options: { readonly contextLength?: number | undefined } = {}): Session {
    const longest = this.hparams.contextLength;
    const contextLength = options.contextLength ?? longest;
    if (contextLength > longest) {
      throw new UsageError(
        `context of ${contextLength} tokens: the model was made for ${longest}`,
        {
          hint: `pass --ctx-size ${longest} or less`,
        },
      );
    }
    try {
      return new Session(this.#native.createSequence(contextLength), this.tokenizer, contextLength);
    } catch (error) {
      throw fromNative(error);
    }
  }

  /** What must be the same for a session's snapshot to be of use: the weights' files, which the caller
   *  names, apart. */
  snapshotKey(): string {
    const { kvLayout, kvChunkBytes } = this.#native.memory();
    const { hparams, kvType } = this;
    const target = loadAddon().cpuReport().active;
    return JSON.stringify({ kvLayout, kvChunkBytes, kvType, target, hparams });
  }

  /** Memory in use, as the engine counts it. */
  memory(): MemoryReport {
    return this.#native.memory();
  }

  /** Stops every generation and frees the memory. Sessions cannot be used afterwards. */
  async close(): Promise<void> {
    await this.#native.close();
  }
}

/** What the user ought to know about the form of the weights.
 *  @throws {UsageError} the weights of a mapped file are as they are */
function weightNotes(addon: Addon, weights: WeightForm, mmap: boolean): readonly string[] {
  if (weights === "fast") return [];
  if (mmap) {
    throw new UsageError("--mmap and --weights compact exclude one another", {
      hint: "give one of them: a mapped file is not repacked",
    });
  }
  const { active, compactWeights } = addon.cpuReport();
  if (compactWeights) return [];
  return [`the kernel target ${active} has no compact form: weights take 2 bits each`];
}

/** Matrices that norm their own input (BitNet embedding models). */
function hasInputNorms({ tensors }: ModelSource): boolean {
  return tensors.some(({ name }) => name.endsWith("_norm_in.weight"));
}
