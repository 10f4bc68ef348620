import { UsageError } from "../errors.ts";

/** A piece of the text that is evaluated alone, from position 0 on. */
export interface Window {
  /** Token ids; BOS in place of the first where the model has one. */
  readonly ids: Int32Array;
  /** Scored are the tokens from this position to the end, each given all before it. */
  readonly firstScored: number;
}

export interface WindowOptions {
  /** Tokens per window. */
  readonly size: number;
  /** Distance between windows that overlap; absent: windows side by side. */
  readonly stride?: number | undefined;
  /** Takes the place of every window's first token. */
  readonly bos?: number | undefined;
  /** At most so many windows. */
  readonly most?: number | undefined;
}

/** Cuts a text into windows as llama-perplexity does. Side by side, the later half of each window is
 *  scored, less its first token; what remains of the text is dropped. Overlapping, the last `stride`
 *  tokens of each.
 *  @throws {UsageError} a text shorter than one window, or sizes under which nothing is scored */
export function cutWindows(ids: Int32Array, options: WindowOptions): readonly Window[] {
  const { size, stride, bos, most = Number.POSITIVE_INFINITY } = options;
  checkSizes(ids.length, options);
  const step = stride ?? size;
  const possible =
    stride === undefined
      ? Math.floor(ids.length / size)
      : Math.max(1, Math.ceil((ids.length - size) / stride));
  return Array.from({ length: Math.min(possible, most) }, (_, i) => {
    const window = ids.slice(i * step, i * step + size);
    if (bos !== undefined) window[0] = bos;
    return { ids: window, firstScored: stride ? size - stride : Math.floor(size / 2) + 1 };
  });
}

const SHORTEST_WINDOW = 3;

function checkSizes(length: number, { size, stride }: WindowOptions): void {
  if (size < SHORTEST_WINDOW) {
    throw new UsageError(`nothing can be scored in windows of ${size} tokens`, {
      hint: "pass --ctx-size 512",
    });
  }
  if (stride !== undefined && (stride < 1 || stride >= size)) {
    throw new UsageError(`a stride of ${stride} does not fit windows of ${size} tokens`, {
      hint: `pass --stride ${Math.floor(size / 2)}`,
    });
  }
  if (length < size) {
    throw new UsageError(`the text has ${length} tokens, one window has ${size}`, {
      hint:
        length < SHORTEST_WINDOW
          ? "give a longer text"
          : `give a longer text, or pass --ctx-size ${length} or less`,
    });
  }
}
