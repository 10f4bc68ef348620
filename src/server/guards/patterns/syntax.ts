/** A regular expression without what needs backtracking. */
export type Pattern =
  /** One character of those that the test accepts. */
  | { readonly kind: "character"; readonly accepts: CharacterTest }
  | { readonly kind: "sequence"; readonly items: readonly Pattern[] }
  | { readonly kind: "choice"; readonly items: readonly Pattern[] }
  /** `max` is undefined for no bound. */
  | {
      readonly kind: "repeat";
      readonly item: Pattern;
      readonly min: number;
      readonly max: number | undefined;
    }
  | { readonly kind: "assertion"; readonly holds: AssertionTest };

export type CharacterTest = (codePoint: number) => boolean;

/** What lies on both sides of a position; undefined at the ends of the text. */
export type AssertionTest = (before: number | undefined, after: number | undefined) => boolean;

/** Why a pattern cannot be used. */
export class PatternError extends Error {}

const REFUSED: readonly (readonly [start: RegExp, what: string])[] = [
  [/^\(\?<?[=!]/, "looking ahead or behind"],
  [/^\\[1-9]/, "a reference back to a group"],
  [/^\\k</, "a reference back to a group"],
  [/^\(\?[a-z-]+:/, "a group with flags of its own"],
];
const GROUP = /^\((?:\?:|\?<[^>]+>)?/;
const QUANTIFIER = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/;
const CLASS = /^\[(?:\\.|[^\]\\])*\]/su;
const CHARACTER =
  /^(?:\\ud[89ab]..\\ud[c-f]..|\\u\{[0-9a-f]+\}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\c[a-z]|\\p\{[^}]*\}|\\.|.)/isu;

/** Reads a regular expression of JavaScript in Unicode mode, with `^` and `$` at every line.
 *  @throws {PatternError} it is not valid, or needs backtracking */
export function parsePattern(
  source: string,
  { ignoreCase }: { readonly ignoreCase: boolean },
): Pattern {
  const flags = ignoreCase ? "iu" : "u";
  try {
    new RegExp(source, flags);
  } catch (error) {
    throw new PatternError((error as Error).message);
  }
  return new Parser(source, flags).parse();
}

/** What it reads is known to be valid, so that it need only find where each part ends. */
class Parser {
  readonly #flags: string;
  #rest: string;

  constructor(source: string, flags: string) {
    this.#rest = source;
    this.#flags = flags;
  }

  parse(): Pattern {
    const items = [this.#sequence()];
    while (this.#take("|")) items.push(this.#sequence());
    return items.length === 1 && items[0] ? items[0] : { kind: "choice", items };
  }

  #sequence(): Pattern {
    const items: Pattern[] = [];
    while (this.#rest !== "" && !/^[|)]/.test(this.#rest)) items.push(this.#quantified());
    return { kind: "sequence", items };
  }

  #quantified(): Pattern {
    const item = this.#item();
    const match = this.#match(QUANTIFIER);
    if (!match) return item;
    const [, sign, least, comma, most] = match;
    if (sign !== undefined) {
      return { kind: "repeat", item, min: sign === "+" ? 1 : 0, max: sign === "?" ? 1 : undefined };
    }
    const min = Number(least);
    const max = comma === undefined ? min : most ? Number(most) : undefined;
    return { kind: "repeat", item, min, max };
  }

  #item(): Pattern {
    for (const [start, what] of REFUSED) {
      if (start.test(this.#rest))
        throw new PatternError(
          `${what} is not supported: the time per character would have no bound`,
        );
    }
    if (this.#match(GROUP)) {
      const inner = this.parse();
      this.#take(")");
      return inner;
    }
    return this.#assertion() ?? this.#character();
  }

  #assertion(): Pattern | undefined {
    if (this.#take("^")) return { kind: "assertion", holds: (before) => endsLine(before) };
    if (this.#take("$")) return { kind: "assertion", holds: (_, after) => endsLine(after) };
    const isBoundary = this.#take("\\b");
    if (!isBoundary && !this.#take("\\B")) return undefined;
    const isWord = wordTest(this.#flags);
    return {
      kind: "assertion",
      holds: (before, after) => (isWord(before) !== isWord(after)) === isBoundary,
    };
  }

  #character(): Pattern {
    const [text] = this.#match(CLASS) ?? this.#match(CHARACTER) ?? [""];
    return { kind: "character", accepts: characterTest(text, this.#flags) };
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    const match = pattern.exec(this.#rest);
    if (match) this.#rest = this.#rest.slice(match[0].length);
    return match;
  }

  #take(text: string): boolean {
    if (!this.#rest.startsWith(text)) return false;
    this.#rest = this.#rest.slice(text.length);
    return true;
  }
}

const ASCII = 128;
const LINE_ENDS: ReadonlySet<number | undefined> = new Set([undefined, 0x0a, 0x0d, 0x2028, 0x2029]);

/** Whether the character, or the end of the text, is beside a line's first or last position. */
function endsLine(codePoint: number | undefined): boolean {
  return LINE_ENDS.has(codePoint);
}

/** JavaScript's own judgement of one character: its classes, properties and case folding. */
function characterTest(source: string, flags: string): CharacterTest {
  const whole = new RegExp(`^${source}$`, flags);
  const test = (codePoint: number) => whole.test(String.fromCodePoint(codePoint));
  const ascii = Array.from({ length: ASCII }, (_, codePoint) => test(codePoint));
  return (codePoint) => ascii[codePoint] ?? test(codePoint);
}

/** Whether a character counts as one of a word to `\b`; the ends of the text do not. */
function wordTest(flags: string): (codePoint: number | undefined) => boolean {
  const isWord = characterTest("\\w", flags);
  return (codePoint) => codePoint !== undefined && isWord(codePoint);
}
