import type { Model } from "../engine/model.ts";
import type { Session } from "../engine/session.ts";
import type { LogitsRow } from "./distribution.ts";
import type { Window } from "./windows.ts";

/** Logits held at a time for one model: enough positions to keep the matrix kernels busy. */
const PIECE_BYTES = 32 * 1024 * 1024;
const FEWEST_ROWS = 16;

/** One token to score: the logits that each model predicts it by. */
export interface Prediction {
  readonly token: number;
  readonly rows: readonly LogitsRow[];
}

/** Some tokens of a window, in order. */
export interface Piece {
  /** Windows that are complete with this piece. */
  readonly windowsDone: number;
  readonly predictions: readonly Prediction[];
}

/** Evaluates windows under one or more models of the same vocabulary. */
export async function* evaluateWindows(
  models: readonly Model[],
  windows: readonly Window[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  const sessions = models.map((model) => model.createSession());
  const width = models[0]?.hparams.vocabSize ?? 0;
  try {
    yield* evaluatePieces(sessions, width, windows, signal);
  } finally {
    for (const session of sessions) session.close();
  }
}

/** Evaluates windows in one or more sessions, a piece ahead of its use, so that the engine computes
 *  while the caller scores. Memory does not grow with the window. At the end of a window the sessions
 *  hold it but for its last token.
 *    width  of their logits: the size of the vocabulary */
export async function* evaluatePieces(
  sessions: readonly Session[],
  width: number,
  windows: readonly Window[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  const cuts = windows.flatMap((window, index) => cut(window, index, width));
  let ahead: Promise<Piece> | undefined;
  try {
    for (const [i, task] of cuts.entries()) {
      signal?.throwIfAborted();
      const piece = await (ahead ?? evaluate(sessions, width, task));
      const next = cuts[i + 1];
      ahead = next && quiet(evaluate(sessions, width, next));
      yield piece;
    }
  } finally {
    await ahead?.catch(() => undefined);
  }
}

interface Task {
  readonly window: Window;
  readonly windowsDone: number;
  /** Positions whose logits are wanted: each predicts the token after it. */
  readonly begin: number;
  readonly end: number;
}

function cut(window: Window, index: number, width: number): readonly Task[] {
  const rows = Math.max(FEWEST_ROWS, Math.floor(PIECE_BYTES / (4 * width)));
  const tasks: Task[] = [];
  const last = window.ids.length - 1;
  for (let begin = window.firstScored - 1; begin < last; begin += rows) {
    const end = Math.min(begin + rows, last);
    tasks.push({ window, windowsDone: index + (end === last ? 1 : 0), begin, end });
  }
  return tasks;
}

async function evaluate(
  sessions: readonly Session[],
  width: number,
  { window, windowsDone, begin, end }: Task,
): Promise<Piece> {
  const all: Float32Array[] = [];
  // One after the other: each engine uses every core already.
  for (const session of sessions) {
    all.push(await session.evaluate(window.ids.subarray(0, end), "all", { from: begin }));
  }
  const predictions = Array.from({ length: end - begin }, (_, row): Prediction => {
    const token = window.ids[begin + row + 1] as number;
    return { token, rows: all.map((logits) => ({ logits, row, width })) };
  });
  return { windowsDone, predictions };
}

/** A failure is met by a later await; until then it does not count as unhandled. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
