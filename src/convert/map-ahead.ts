import { availableParallelism } from "node:os";

/** Blocks worked on at the same time. Node's thread pool has four threads; one is left to files. */
export const BLOCKS_AT_ONCE = Math.min(3, availableParallelism());

/** Results of `work` in the order of `items`, up to `BLOCKS_AT_ONCE` of them under way. Whatever ends the
 *  loop, nothing is under way any more afterwards: buffers and files may go. */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  try {
    for (const item of items) {
      running.push(quiet(work(item)));
      if (running.length === BLOCKS_AT_ONCE) yield (await running.shift()) as R;
    }
    while (running.length > 0) yield (await running.shift()) as R;
  } finally {
    await Promise.allSettled(running);
  }
}

/** A failure is met by a later await; until then it does not count as unhandled. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
