import type { Model } from "../engine/model.ts";
import { ModelFormatError, UnsupportedError, UsageError } from "../errors.ts";
import { encodePrompt } from "../tokenizer/tokenizer.ts";
import { noNumbers } from "./perplexity.ts";

/** Which hidden states stand for a text: that of the last token, that of the first, or the mean. */
export type Pooling = "last" | "mean" | "cls";

export interface EmbedOptions {
  /** Default: the model's own. */
  readonly pooling?: Pooling | undefined;
  /** Scale vectors to length 1. Default true. */
  readonly normalize?: boolean | undefined;
  /** Keep only the first so many numbers (of models trained for that, "Matryoshka"). */
  readonly dimensions?: number | undefined;
  /** Text to put before each text, e.g. "Instruct: Find the answer.\nQuery: ". */
  readonly instruction?: string | undefined;
  /** Longest text, in tokens. Default: the model's own. */
  readonly contextLength?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Embedding {
  readonly vector: Float32Array;
  /** Tokens of the text, special ones included. */
  readonly tokens: number;
}

/** A text, or its token ids as they are. */
type Text = string | Int32Array;

/** Tokens evaluated or waiting at a time: keeps batches full while results are taken. */
const TOKENS_IN_FLIGHT = 1024;

/** Vectors of texts, in their order, several at a time through the engine. What `signal` is aborted
 *  with is thrown.
 *  @throws {UsageError}       an empty text, more dimensions than the model has
 *  @throws {ResourceError}    a text longer than the context window
 *  @throws {UnsupportedError} a model whose own pooling is none of ours
 *  @throws {ModelFormatError} the model computes values that are no numbers */
export async function* embedTexts(
  model: Model,
  texts: Iterable<Text> | AsyncIterable<Text>,
  options: EmbedOptions = {},
): AsyncGenerator<Embedding> {
  const pooling = options.pooling ?? modelPooling(model);
  const { dModel } = model.hparams;
  const { dimensions = dModel, normalize = true, instruction = "", signal } = options;
  if (dimensions > dModel) {
    throw new UsageError(`${dimensions} dimensions: the model has ${dModel}`, {
      hint: `pass --dimensions ${dModel} or less`,
    });
  }
  const running: { readonly tokens: number; readonly result: Promise<Embedding> }[] = [];
  let inFlight = 0;
  const takeFirst = async (): Promise<Embedding> => {
    const first = running.shift();
    if (!first) throw new Error("nothing is running");
    inFlight -= first.tokens;
    return first.result;
  };
  const embed = async (ids: Int32Array): Promise<Embedding> => {
    const states = await hiddenStates(model, ids, options.contextLength);
    const vector = pool(states, dModel, pooling).slice(0, dimensions);
    if (!vector.every(Number.isFinite)) throw noNumbers();
    return { vector: normalize ? toUnitLength(vector) : vector, tokens: ids.length };
  };
  try {
    for await (const text of texts) {
      signal?.throwIfAborted();
      const ids =
        typeof text === "string"
          ? encodePrompt(model.tokenizer, instruction + text, { special: false })
          : text;
      while (running.length > 0 && inFlight + ids.length > TOKENS_IN_FLIGHT) yield takeFirst();
      const result = embed(ids);
      result.catch(() => undefined); // met when its turn comes
      running.push({ tokens: ids.length, result });
      inFlight += ids.length;
    }
    while (running.length > 0) {
      signal?.throwIfAborted();
      yield takeFirst();
    }
  } finally {
    // Sessions must not outlive the call, whatever ended it.
    await Promise.allSettled(running.map(({ result }) => result));
  }
}

async function hiddenStates(
  model: Model,
  ids: Int32Array,
  contextLength: number | undefined,
): Promise<Float32Array> {
  const session = model.createSession({ contextLength });
  try {
    return await session.evaluate(ids, "hidden");
  } finally {
    session.close();
  }
}

// llama.cpp's numbers; 0 is none and 4 gives a rank, not a vector.
const GGUF_POOLINGS: ReadonlyMap<number, Pooling> = new Map([
  [1, "mean"],
  [2, "cls"],
  [3, "last"],
]);
const NO_POOLING = 0;

/** The pooling that a model's file names. Without one: the last token, the only one that has seen the
 *  whole text, since all our families look back only.
 *  @throws {UnsupportedError} a pooling that gives no vector */
export function modelPooling({ metadata, hparams }: Pick<Model, "metadata" | "hparams">): Pooling {
  const key = `${hparams.family}.pooling_type`;
  const value = metadata.get(key)?.value ?? NO_POOLING;
  if (value === NO_POOLING) return "last";
  if (typeof value !== "number") throw new ModelFormatError(`${key} is not a number`);
  const pooling = GGUF_POOLINGS.get(value);
  if (pooling) return pooling;
  throw new UnsupportedError(`${key} ${value} is not supported`, {
    hint: "choose one with --pooling last, mean or cls",
  });
}

/** states [n, width] -> [width] */
function pool(states: Float32Array, width: number, pooling: Pooling): Float32Array {
  if (pooling === "cls") return states.subarray(0, width);
  if (pooling === "last") return states.subarray(states.length - width);
  const sums = new Float64Array(width);
  for (let begin = 0; begin < states.length; begin += width) {
    for (let i = 0; i < width; i++) {
      sums[i] = (sums[i] as number) + (states[begin + i] as number);
    }
  }
  const n = states.length / width;
  return Float32Array.from(sums, (sum) => sum / n);
}

/** A vector of zeros stays as it is. */
function toUnitLength(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const x of vector) squares += x * x;
  const length = Math.sqrt(squares);
  return length > 0 ? vector.map((x) => x / length) : vector;
}
