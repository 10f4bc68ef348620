import { ResourceError, UnsupportedError, UsageError } from "../errors.ts";

/** How text is cut into the pieces that byte-pair encoding then works on, and the rules that
 *  llama.cpp ties to the same name. */
export interface PreTokenizerSpec {
  /** Value of `tokenizer.ggml.pre`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** Applied in order, each to the pieces of the one before. `\s` is Unicode White_Space here. */
  readonly patterns: readonly string[];
  /** Take a piece that is a token as it is, whatever the merges say. */
  readonly ignoreMerges?: boolean;
  /** BOS is added when `tokenizer.ggml.add_bos_token` says nothing. */
  readonly addBos?: boolean;
}

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`;

/** The text that stands before and after the digits rule of Llama 3 and Qwen 2. */
const CONTRACTIONS = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const LETTERS = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const REST = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Pre-tokenizers by name; a new one is one row. */
export const PRE_TOKENIZERS: readonly PreTokenizerSpec[] = [
  {
    name: "llama-bpe",
    aliases: ["llama3", "llama-v3"],
    patterns: [`${CONTRACTIONS}|${LETTERS}|\\p{N}{1,3}|${REST}`],
    ignoreMerges: true,
    addBos: true,
  },
  { name: "qwen2", patterns: [`${CONTRACTIONS}|${LETTERS}|\\p{N}|${REST}`] },
  { name: "gpt-2", patterns: [GPT2] },
  {
    name: "falcon3",
    aliases: ["falcon_e"],
    patterns: ["[\\p{P}$+<=>^~|`]+", GPT2, "[0-9]"],
  },
  {
    name: "falcon",
    patterns: ["[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"],
  },
  {
    name: "default",
    patterns: ["[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"],
  },
];

/** Finds a row by name or alias. */
export function findPreTokenizer(name: string): PreTokenizerSpec | undefined {
  return PRE_TOKENIZERS.find((row) => row.name === name || row.aliases?.includes(name));
}

/** The row that the user named.
 *  @throws {UsageError} no such row */
export function requestedPreTokenizer(name: string): PreTokenizerSpec {
  const found = findPreTokenizer(name);
  if (found) return found;
  throw new UsageError(`unknown pre-tokenizer '${name}'`, { hint: `known: ${knownNames()}` });
}

/** The row that a model file names.
 *  @throws {UnsupportedError} no such row */
export function declaredPreTokenizer(name: string): PreTokenizerSpec {
  const found = findPreTokenizer(name);
  if (found) return found;
  const shown = JSON.stringify(name.slice(0, 80));
  throw new UnsupportedError(`pre-tokenizer ${shown} is not supported`, {
    hint: `a near one may do; known: ${knownNames()}`,
  });
}

function knownNames(): string {
  return PRE_TOKENIZERS.map((row) => row.name).join(", ");
}

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
