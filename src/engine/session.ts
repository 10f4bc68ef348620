import { randomBytes } from "node:crypto";
import { fromNative, UsageError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type {
  AddonSequence,
  GenerateEvents,
  GenerateParams,
  SamplingParams,
  Speculate,
} from "./binding.ts";
import type { Constraint } from "./constraint.ts";
import { Generation } from "./generation.ts";
import { MaskAnswers } from "./mask-answers.ts";

/** The field's usual defaults (those of llama.cpp). */
export const DEFAULT_SAMPLING = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repeatPenalty: 1,
  repeatLastN: 64,
  frequencyPenalty: 0,
  presencePenalty: 0,
  logitBias: [],
} as const satisfies Omit<SamplingParams, "seed">;

export interface GenerateOptions {
  /** Tokens to generate at most; -1 (the default) until a stop token or a full context. */
  readonly maxTokens?: number | undefined;
  /** Texts that end the generation. */
  readonly stop?: readonly string[] | undefined;
  /** Token ids that end it. Default: the model's own. */
  readonly stopTokens?: Iterable<number> | undefined;
  readonly sampling?: Partial<Omit<SamplingParams, "seed">> | undefined;
  /** The same seed gives the same text on every machine. Default: random. */
  readonly seed?: bigint | number | undefined;
  /** Alternatives to report per token, with log-probabilities. Default: none. */
  readonly logprobs?: number | undefined;
  /** Guess tokens from the text so far and check several in one pass, when that gains time (the
   *  default), or never. The text is the same. */
  readonly speculate?: Speculate | undefined;
  /** Aborting ends the generation; what was generated so far stays valid. */
  readonly signal?: AbortSignal | undefined;
  /** Constrained output, made by `compileConstraint`. The text is then exactly one of its grammar,
   *  unless something else ends it first (see `GenerationResult.complete`). */
  readonly constraint?: Constraint | undefined;
  /** Called with the tokens generated so far, before each step, for the ids that may come next (none:
   *  any). Runs while the engine computes. Not together with `constraint`. */
  readonly mask?: ((generated: readonly number[]) => Iterable<number>) | undefined;
  /** Called while the prompt is evaluated. */
  readonly onPrompt?: ((doneTokens: number, totalTokens: number) => void) | undefined;
}

/** What a session has evaluated. */
export interface SessionSnapshot {
  readonly tokens: Int32Array;
  /** How many chunks hold the tokens' keys and values. */
  readonly chunks: number;
  /** A chunk, of `MemoryReport.kvChunkBytes`. */
  readonly readChunk: (index: number) => Uint8Array;
}

/** Positions of a chunk of KV cache. */
export const CHUNK_TOKENS = 64;

const DEFAULT_SPECULATE = "auto";
const SEED_BITS = 64;

/** A conversation with a model: what was evaluated so far is kept, so that a prompt which begins as
 *  the last one did costs only its new part. One generation at a time. */
export class Session {
  readonly contextLength: number;
  readonly #native: AddonSequence;
  readonly #tokenizer: Tokenizer;
  /** The tokens of the KV cache, as far as it is filled. */
  #evaluated: number[] = [];

  constructor(native: AddonSequence, tokenizer: Tokenizer, contextLength: number) {
    this.#native = native;
    this.#tokenizer = tokenizer;
    this.contextLength = contextLength;
  }

  /** Tokens that a prompt which begins with them need not evaluate again. */
  get evaluatedTokens(): number {
    return this.#evaluated.length;
  }

  /** How many of them `prompt` begins with; its last token is evaluated in any case. */
  sharedTokens(prompt: ArrayLike<number>): number {
    let shared = 0;
    const most = Math.min(prompt.length - 1, this.#evaluated.length);
    while (shared < most && prompt[shared] === this.#evaluated[shared]) shared++;
    return Math.max(0, shared);
  }

  /** Starts generating after `prompt`, the token ids of everything said so far.
   *  @throws {UsageError}     an empty prompt, an id outside the vocabulary, a busy session
   *  @throws {ResourceError}  the prompt does not fit the context window */
  generate(prompt: ArrayLike<number>, options: GenerateOptions = {}): Generation {
    const ids = Array.from(prompt);
    const fresh = this.#reuse(ids);
    const params = this.#params(options);
    const generated: number[] = [];
    const answers = new MaskAnswers(this.#native, generated, options, params.stopTokens);
    const onEvents = (events: GenerateEvents) => {
      generated.push(...events.tokens);
      if (events.maskStep !== undefined) answers.answer(events.maskStep);
      if (events.promptDone !== undefined) {
        options.onPrompt?.(ids.length - fresh.length + events.promptDone, ids.length);
      }
    };
    const start = async (listener: (events: GenerateEvents) => void) => {
      try {
        return await answers.finish(await this.#native.generate(fresh, params, listener));
      } catch (error) {
        throw fromNative(error);
      } finally {
        answers.close();
        this.#remember([...ids, ...generated]);
      }
    };
    return new Generation(
      { start, cancel: () => this.#native.cancel() },
      {
        tokenizer: this.#tokenizer,
        stop: options.stop ?? [],
        seed: params.sampling.seed,
        // What a grammar says of the first space must hold of the text.
        continues: options.constraint !== undefined || !this.#tokenizer.isSpecial(ids.at(-1) ?? 0),
        signal: options.signal,
        onEvents,
      },
    );
  }

  /** What the model makes of the prompt's positions, row-major: logits [n, vocabSize] of the last
   *  position or of all, or the hidden states of all after the last norm, [n, dModel].
   *    from  first position that is wanted of all; those before it give no rows. Default 0 */
  async evaluate(
    prompt: ArrayLike<number>,
    which: "last" | "all" | "hidden" = "last",
    { from = 0 }: { readonly from?: number } = {},
  ): Promise<Float32Array> {
    const ids = Array.from(prompt);
    if (which !== "last") this.#forget(from);
    let fresh = this.#reuse(ids);
    const unwanted = which === "last" ? 0 : from - (ids.length - fresh.length);
    try {
      if (unwanted > 0) {
        await this.#native.evaluate(fresh.subarray(0, unwanted), "last");
        fresh = fresh.subarray(unwanted);
      }
      return await this.#native.evaluate(fresh, which);
    } catch (error) {
      throw fromNative(error);
    } finally {
      this.#remember(ids);
    }
  }

  /** What was evaluated so far, for `restore`: the tokens and, chunk by chunk, their KV cache. Not
   *  while a generation runs.
   *  @throws {UsageError} a busy session */
  snapshot(): SessionSnapshot {
    const tokens = Int32Array.from(this.#evaluated);
    const native = this.#native;
    const readChunk = (index: number) => {
      try {
        return native.readChunk(index);
      } catch (error) {
        throw fromNative(error);
      }
    };
    return { tokens, chunks: Math.ceil(tokens.length / CHUNK_TOKENS), readChunk };
  }

  /** Takes over what another session of the same model evaluated, on the same kernel target and with
   *  the same KV type, in place of what this one holds.
   *  @throws {UsageError} a busy session, or tokens and chunks that do not fit it */
  restore(tokens: Int32Array, chunks: readonly Uint8Array[]): void {
    this.#forget(0);
    try {
      this.#native.restore(tokens, chunks);
    } catch (error) {
      throw fromNative(error);
    }
    this.#evaluated = Array.from(tokens);
  }

  /** Frees the session's memory. */
  close(): void {
    this.#native.close();
  }

  /** Keeps the part of the cache that `ids` begins with; gives the tokens still to be evaluated, at
   *  least one, since only evaluation gives logits. */
  #reuse(ids: readonly number[]): Int32Array {
    if (ids.length === 0) throw new UsageError("the prompt is empty");
    const common = this.sharedTokens(ids);
    this.#forget(common);
    return Int32Array.from(ids.slice(common));
  }

  #forget(length: number): void {
    try {
      this.#native.truncate(length);
    } catch (error) {
      throw fromNative(error);
    }
    this.#evaluated.length = Math.min(this.#evaluated.length, length);
  }

  /** The engine says how far it came; what it holds are the first of these tokens. */
  #remember(tokens: number[]): void {
    try {
      this.#evaluated = tokens.slice(0, this.#native.length());
    } catch {
      this.#evaluated = []; // closed meanwhile
    }
  }

  #params(options: GenerateOptions): GenerateParams {
    const seed = options.seed ?? randomBytes(4).readUInt32LE();
    return {
      maxTokens: options.maxTokens ?? -1,
      stopTokens: Int32Array.from(options.stopTokens ?? this.#tokenizer.stopTokens),
      sampling: {
        ...DEFAULT_SAMPLING,
        ...options.sampling,
        seed: BigInt.asUintN(SEED_BITS, BigInt(seed)),
      },
      logprobs: options.logprobs ?? -1,
      masked: options.mask !== undefined || options.constraint !== undefined,
      speculate: options.speculate ?? DEFAULT_SPECULATE,
    };
  }
}
