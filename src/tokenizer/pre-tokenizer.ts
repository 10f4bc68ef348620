import { ResourceError } from "../errors.ts";

/** Cuts text into pieces. Text that no pattern matches is a piece of its own, so that all text is
 *  covered. */
export class PreTokenizer {
  readonly #patterns: readonly Pattern[];

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => {
      const source = withUnicodeSpace(pattern);
      return { here: new RegExp(source, "uy"), ahead: new RegExp(source, "ug") };
    });
  }

  /** @returns the ends of the pieces, ascending; the last is the text's length
   *  @throws {ResourceError} a piece of many millions of characters */
  split(text: string): number[] {
    let ends = text.length > 0 ? [text.length] : [];
    try {
      for (const pattern of this.#patterns) ends = splitPieces(pattern, text, ends);
    } catch (cause) {
      // The expression's own stack, 64 MB; text that has any spaces never gets there.
      if (!(cause instanceof RangeError)) throw cause;
      throw new ResourceError("text has too long a run without a break to be tokenized", { cause });
    }
    return ends;
  }
}

interface Pattern {
  readonly here: RegExp;
  readonly ahead: RegExp;
}

function splitPieces(pattern: Pattern, text: string, ends: readonly number[]): number[] {
  const finer: number[] = [];
  let start = 0;
  for (const end of ends) {
    // Slices, not offsets: a pattern must see the end of its piece as the end of the text.
    const piece = ends.length === 1 ? text : text.slice(start, end);
    splitPiece(pattern, piece, start, finer);
    start = end;
  }
  return finer;
}

/** `test` on a sticky expression allocates nothing: ten times quicker than `match` or `exec`. */
function splitPiece({ here, ahead }: Pattern, piece: string, offset: number, ends: number[]): void {
  let pos = 0;
  while (pos < piece.length) {
    here.lastIndex = pos;
    if (here.test(piece)) {
      pos = here.lastIndex;
    } else {
      ahead.lastIndex = pos;
      pos = ahead.exec(piece)?.index ?? piece.length;
    }
    ends.push(offset + pos);
  }
}

/** JavaScript's \s has U+FEFF and lacks U+0085, unlike that of the tokenizers these come from. */
function withUnicodeSpace(pattern: string): string {
  return pattern.replaceAll("\\s", "\\p{White_Space}").replaceAll("\\S", "\\P{White_Space}");
}
