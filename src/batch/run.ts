import { setMaxListeners } from "node:events";
import type { ConstraintSpec } from "../constrain/constraint.ts";
import type { Constraint } from "../engine/constraint.ts";
import type { GenerationResult } from "../engine/generation.ts";
import type { Model } from "../engine/model.ts";
import type { GenerateOptions, Session } from "../engine/session.ts";
import { BitnetError } from "../errors.ts";
import type { BatchAnswer } from "./answer.ts";
import { Channel } from "./channel.ts";
import type { PlannedRequest } from "./plan.ts";
import type { BatchInput, BatchRequest } from "./request.ts";

export interface BatchOptions {
  /** Requests that generate at once. */
  readonly parallel: number;
  /** Answers in the order of the requests, or each as soon as it is there. */
  readonly order: "input" | "finish";
  /** Token ids of a request, with whatever template it needs. */
  readonly encode: (input: BatchInput) => Int32Array | Promise<Int32Array>;
  /** Compiles what a request says that its answer shall be. */
  readonly constrain: (spec: ConstraintSpec) => Promise<Constraint | undefined>;
  /** What requests do not say themselves. */
  readonly defaults: Omit<GenerateOptions, "signal" | "onPrompt">;
  /** Context window of each request. Default: the model's own. */
  readonly contextLength?: number | undefined;
  readonly signal: AbortSignal;
}

/** Answers requests, several at once through the engine. What goes wrong with one is its answer; the
 *  others go on. A request has the same answer as it has alone, whatever runs beside it.
 *    requests  are taken as there is room for them; they end when the signal is aborted
 *  @throws what `signal` is aborted with, what `requests` throws, and what is a bug */
export async function* answerAll(
  model: Pick<Model, "createSession">,
  requests: (signal: AbortSignal) => AsyncIterable<PlannedRequest>,
  options: BatchOptions,
): AsyncGenerator<BatchAnswer> {
  const own = new AbortController();
  const signal = AbortSignal.any([options.signal, own.signal]);
  // Every request listens to it, and Node warns of more than ten.
  setMaxListeners(0, signal);
  const answers = new Channel<BatchAnswer>();
  const feed = new Feed(requests(signal));
  const deliver = options.order === "input" ? inOrder(answers) : pushTo(answers);
  const workers = Array.from({ length: options.parallel }, () =>
    work(model, feed, deliver, { ...options, signal }),
  );
  const ended = Promise.allSettled(workers).finally(() => answers.close());
  try {
    yield* answers;
    const failure = (await ended).find(({ status }) => status === "rejected");
    if (failure?.status === "rejected") throw failure.reason;
    options.signal.throwIfAborted();
  } finally {
    own.abort();
    await Promise.allSettled(workers);
  }
}

interface Numbered {
  readonly index: number;
  readonly planned: PlannedRequest;
}

/** Hands requests out one by one, with their places in the order. */
class Feed {
  readonly #iterator: AsyncIterator<PlannedRequest>;
  #handedOut = 0;
  #stopped = false;

  constructor(requests: AsyncIterable<PlannedRequest>) {
    this.#iterator = requests[Symbol.asyncIterator]();
  }

  async next(): Promise<Numbered | undefined> {
    if (this.#stopped) return undefined;
    const { value, done } = await this.#iterator.next();
    if (done) return undefined;
    this.#handedOut += 1;
    return { index: this.#handedOut - 1, planned: value };
  }

  /** Lets what is running come to its end. */
  stop(): void {
    this.#stopped = true;
  }
}

type Deliver = (index: number, answer: BatchAnswer) => void;

function pushTo(answers: Channel<BatchAnswer>): Deliver {
  return (_, answer) => answers.push(answer);
}

/** Keeps answers until those before them are there. They cannot become many: the context window ends
 *  the longest answer. */
function inOrder(answers: Channel<BatchAnswer>): Deliver {
  const early = new Map<number, BatchAnswer>();
  let due = 0;
  return (index, answer) => {
    early.set(index, answer);
    for (let next = early.get(due); next; next = early.get(due)) {
      answers.push(next);
      early.delete(due);
      due += 1;
    }
  };
}

/** One place in the engine. Its session is kept from request to request: what they begin with alike is
 *  evaluated once. */
async function work(
  model: Pick<Model, "createSession">,
  feed: Feed,
  deliver: Deliver,
  options: BatchOptions,
): Promise<void> {
  let session: Session | undefined;
  try {
    for (let taken = await feed.next(); taken; taken = await feed.next()) {
      const { index, planned } = taken;
      session ??= model.createSession({ contextLength: options.contextLength });
      const answer = await answerOne(session, planned, options);
      if (options.signal.aborted) return; // cut short, and no answer
      deliver(index, answer);
    }
  } catch (error) {
    feed.stop();
    throw error;
  } finally {
    session?.close();
  }
}

async function answerOne(
  session: Session,
  { request, fingerprint }: PlannedRequest,
  options: BatchOptions,
): Promise<BatchAnswer> {
  const { id, line } = request;
  try {
    if ("error" in request) throw request.error;
    const startedAt = performance.now();
    const prompt = await options.encode(request.input);
    const { text, result } = await generate(session, prompt, request, options);
    const totalMs = performance.now() - startedAt;
    return {
      id,
      line,
      status: "ok",
      response: text,
      ...summaryOf(result, request.options.seed ?? options.defaults.seed),
      // Not what was evaluated: that is less where the last request began alike.
      usage: { promptTokens: prompt.length, generatedTokens: result.generatedTokens },
      timing: { firstTokenMs: round(result.firstTokenMs), totalMs: round(totalMs) },
      ...tailOf(request, fingerprint),
    };
  } catch (error) {
    if (!(error instanceof BitnetError)) throw error;
    const { code, message, hint } = error;
    return {
      id,
      line,
      status: "error",
      error: { code, message, ...(hint === undefined ? {} : { hint }) },
      ...tailOf(request, fingerprint),
    };
  }
}

async function generate(
  session: Session,
  prompt: Int32Array,
  { options: { nPredict, stop, seed, constraint: wanted, ...sampling } }: BatchRequest,
  { constrain, defaults, signal }: BatchOptions,
): Promise<{ readonly text: string; readonly result: GenerationResult }> {
  const generation = session.generate(prompt, {
    ...defaults,
    constraint: wanted ? await constrain(wanted) : defaults.constraint,
    maxTokens: nPredict ?? defaults.maxTokens,
    stop: stop ?? defaults.stop,
    seed: seed ?? defaults.seed,
    sampling: { ...defaults.sampling, ...sampling },
    signal,
  });
  return { text: await generation.text(), result: await generation.result };
}

function summaryOf(result: GenerationResult, seed: number | bigint | undefined) {
  const { finishReason, stopText, complete } = result;
  return {
    finishReason,
    ...(stopText === undefined ? {} : { stopText }),
    ...(complete === undefined ? {} : { complete }),
    seed: seed ?? result.seed,
  };
}

function tailOf(request: PlannedRequest["request"], fingerprint: string) {
  const metadata = "error" in request ? undefined : request.metadata;
  return { fingerprint, ...(metadata === undefined ? {} : { metadata }) };
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
