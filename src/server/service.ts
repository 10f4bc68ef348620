import type { GenerationResult } from "../engine/generation.ts";
import type { GenerateOptions, Session } from "../engine/session.ts";
import { CancelledError } from "../errors.ts";
import type { PromptScoring, TokenScore } from "../scoring/prompt.ts";
import { ApiError } from "./api-error.ts";
import { checkPromptTokens, type LengthLimits } from "./guards/length-limits.ts";
import type { OutputScreen } from "./guards/output-screen.ts";
import { RequestLife } from "./life.ts";
import { type Place, Places } from "./places.ts";
import { outcomeOf, Progress } from "./progress.ts";
import { FairQueue } from "./queue.ts";
import { runRequest, type TakeChunk } from "./run-request.ts";
import { type ServiceWatcher, watchAll } from "./watcher.ts";

export interface ServiceOptions {
  /** Requests that generate at once. */
  readonly places: number;
  /** Requests that may wait besides. */
  readonly maxQueue: number;
  /** Of a request, waiting included; 0: any time. */
  readonly timeoutMs: number;
  readonly watchers: readonly ServiceWatcher[];
  readonly lengths?: LengthLimits | undefined;
  /** Makes what each answer passes on its way to the client. */
  readonly screen?: (() => OutputScreen) | undefined;
}

export interface Asker {
  /** Clients take turns. */
  readonly client: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Told of this request alone. */
  readonly watcher?: ServiceWatcher | undefined;
}

export interface ServiceRequest extends Asker {
  readonly prompt: Int32Array;
  readonly options: Omit<GenerateOptions, "signal" | "onPrompt">;
  /** Score the tokens of the prompt, too. */
  readonly score?: Omit<PromptScoring, "signal"> | undefined;
  /** Called once the generation has begun, before the first chunk.
   *    scores  of the prompt's tokens after the first, if they were wanted */
  readonly onStart?: (scores: readonly TokenScore[] | undefined) => void;
}

export interface ServedResult extends Pick<GenerationResult, "finishReason" | "generatedTokens"> {
  /** Tokens of the prompt that an earlier request had evaluated. */
  readonly cachedTokens: number;
}

export interface ServiceState {
  readonly active: number;
  readonly queued: number;
  readonly places: number;
  /** Tokens that are kept for requests that begin with them. */
  readonly cachedTokens: number;
}

/** Someone in the queue. */
interface Waiting {
  readonly prompt: Int32Array;
  readonly admit: (place: Place) => void;
}

const NO_TOKENS = new Int32Array();
/** Means are over about so many requests. */
const MEAN_OVER = 8;
const FIRST_GUESS_MS = 1000;
const LONGEST_RETRY_S = 60;

/** Answers requests of many clients through one model: as many at once as it has places, the others
 *  wait, and clients take turns. An answer is the same whatever runs beside it. */
export class GenerationService {
  readonly #places: Places;
  readonly #queue = new FairQueue<Waiting>();
  readonly #options: ServiceOptions;
  readonly #watch: Required<ServiceWatcher>;
  readonly #lives = new Set<RequestLife>();
  #meanMs = FIRST_GUESS_MS;

  /** @param createSession  makes the session of a place */
  constructor(createSession: () => Session, options: ServiceOptions) {
    this.#places = new Places(options.places, createSession);
    this.#options = options;
    this.#watch = watchAll(options.watchers);
  }

  state(): ServiceState {
    const { active, count: places, cachedTokens } = this.#places;
    return { active, queued: this.#queue.size, places, cachedTokens };
  }

  /** The life of a request, as long as one may last. */
  lifeOf(signal: AbortSignal): RequestLife {
    const { timeoutMs: ms } = this.#options;
    return new RequestLife(signal, { ms, reason: () => timedOut(ms) });
  }

  /** Generates as soon as there is a place. While `onChunk` takes its time no other request waits.
   *  @throws {ApiError}       QUEUE_FULL, TIMEOUT, INVALID_INPUT, RESPONSE_FILTERED
   *  @throws {CancelledError} the service was closed
   *  @throws what `request.signal` is aborted with, and as `Session.generate` */
  async generate(request: ServiceRequest, onChunk: TakeChunk): Promise<ServedResult> {
    const { prompt } = request;
    checkPromptTokens(prompt.length, this.#options.lengths);
    const tokens = prompt.length;
    return this.#follow(request, { prompt, tokens }, async (place, signal, progress) => {
      const result = await this.#run(place, { ...request, signal }, progress, onChunk);
      if (result.finishReason === "cancelled") signal.throwIfAborted();
      return result;
    });
  }

  /** Does other work with prompts in the place of a generation, as one of those that may run at once.
   *  @throws as `generate`, and as `work` */
  hold<T>(
    request: Asker,
    prompts: readonly Int32Array[],
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (const { length } of prompts) checkPromptTokens(length, this.#options.lengths);
    const tokens = prompts.reduce((sum, { length }) => sum + length, 0);
    return this.#follow(request, { prompt: NO_TOKENS, tokens }, async (place, signal, progress) => {
      try {
        progress.started();
        return await work(signal);
      } finally {
        this.#release(place);
      }
    });
  }

  /** Ends every request, running or waiting, and frees the places once the engine has let go of them. */
  close(): void {
    for (const life of this.#lives) life.end(new CancelledError("the server is stopping"));
    this.#places.close();
  }

  /** Leads a request to a place and tells the watchers what becomes of it. */
  async #follow<T>(
    request: Asker,
    { prompt, tokens }: { readonly prompt: Int32Array; readonly tokens: number },
    work: (place: Place, signal: AbortSignal, progress: Progress) => Promise<T>,
  ): Promise<T> {
    using life = this.lifeOf(request.signal);
    this.#lives.add(life);
    const watch = request.watcher ? watchAll([this.#watch, request.watcher]) : this.#watch;
    const progress = new Progress(watch, tokens);
    try {
      const { signal } = life;
      const place = await this.#admit({ client: request.client, signal }, prompt, progress);
      const result = await work(place, signal, progress);
      progress.finished("ok");
      return result;
    } catch (error) {
      life.end(error); // what may still run runs for nobody
      progress.finished(outcomeOf(error));
      throw error;
    } finally {
      this.#lives.delete(life);
    }
  }

  async #admit({ client, signal }: Asker, prompt: Int32Array, progress: Progress): Promise<Place> {
    signal.throwIfAborted();
    const place = this.#queue.size === 0 ? this.#places.take(prompt) : undefined;
    if (place) return place;
    if (this.#queue.size >= this.#options.maxQueue) throw this.#refusal();
    progress.queued();
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#queue.remove(client, waiting);
        reject(signal.reason);
      };
      const admit = (free: Place) => {
        signal.removeEventListener("abort", leave);
        resolve(free);
      };
      const waiting: Waiting = { prompt, admit };
      signal.addEventListener("abort", leave, { once: true });
      this.#queue.push(client, waiting);
    });
  }

  #run(
    place: Place,
    request: ServiceRequest,
    progress: Progress,
    onChunk: TakeChunk,
  ): Promise<ServedResult> {
    const startedAt = performance.now();
    progress.started();
    const free = () => {
      this.#meanMs += (performance.now() - startedAt - this.#meanMs) / MEAN_OVER;
      this.#release(place);
    };
    return runRequest(place.session, request, { ...this.#options, progress, onChunk, free });
  }

  #release(place: Place): void {
    this.#places.giveBack(place);
    const next = this.#queue.shift();
    if (!next) return;
    const free = this.#places.take(next.prompt);
    if (!free) throw new Error("no place is free though one was given back");
    next.admit(free);
  }

  #refusal(): ApiError {
    const { size } = this.#queue;
    const { count } = this.#places;
    const waitS = ((size + 1) * this.#meanMs) / count / 1000;
    return new ApiError(
      "QUEUE_FULL",
      `the server is busy: ${count} requests are being answered, ${size} are waiting`,
      { retryAfterS: Math.min(LONGEST_RETRY_S, Math.max(1, Math.ceil(waitS))) },
    );
  }
}

function timedOut(ms: number): ApiError {
  return new ApiError("TIMEOUT", `the answer was not there after ${ms / 1000} seconds`);
}
