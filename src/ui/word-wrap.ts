import { textWidth } from "./text-width.ts";

const STYLES = "(?:\\u001b\\[[\\d;]*m)*";
/** Scripts that are broken between any two characters. */
const WIDE =
  "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\u3000-\\u303f\\uff00-\\uff60]";
/** What no line begins with. */
const CLOSING =
  "[\\u3001\\u3002\\u3009\\u300b\\u300d\\u300f\\u3011\\uff01\\uff09\\uff0c\\uff1a\\uff1b\\uff1f\\u30fc]";
/** White space, a wide character, or a word, each with the styles before it. */
const UNIT = new RegExp(
  `^(?:(?<space>[^\\S\\u3000]+)|(?<wide>${STYLES}${WIDE}${CLOSING}*)|(?<word>(?:(?!${WIDE})\\S)+))`,
  "u",
);
/** Narrower than this, every word would have a line of its own. */
const LEAST_COLUMNS = 20;

/** Breaks lines that come in pieces between words, at the width that the terminal has when a word is
 *  shown. A word that is longer than a line stays whole, so that an address can be copied; the
 *  terminal breaks it. */
export class WordWrap {
  readonly #columns: () => number;
  /** What every line of a paragraph but the first begins with. */
  #indent = "";
  #indentWidth = 0;
  #column = 0;
  /** White space before the word to come. */
  #space = "";
  /** The beginning of a word. */
  #held = "";

  /** @param columns  the width; 0 where it is not known, which breaks nothing */
  constructor(columns: () => number) {
    this.#columns = columns;
  }

  /** Begins a line: what stands before its text, and what before that of the lines broken off it. */
  lead(first: string, others: string): string {
    this.#indent = others;
    this.#indentWidth = textWidth(others);
    this.#column = textWidth(first);
    return first;
  }

  /** Words that may be broken from one another. The last one waits for its end. */
  prose(text: string): string {
    this.#held += text;
    if (this.#limit() === Number.POSITIVE_INFINITY) return this.#flush();
    let shown = "";
    for (let unit = UNIT.exec(this.#held); unit !== null; unit = UNIT.exec(this.#held)) {
      const [whole] = unit;
      const isSpace = unit.groups?.["space"] !== undefined;
      if (!isSpace && whole.length === this.#held.length) break;
      this.#held = this.#held.slice(whole.length);
      if (isSpace) this.#space += whole;
      else shown += this.#place(whole);
    }
    return shown;
  }

  /** Text that stays as it is, such as code. */
  asIs(text: string): string {
    const shown = this.#flush();
    this.#column += textWidth(text);
    return shown + text;
  }

  /** What waits, at the end of a line. */
  endLine(): string {
    const shown = this.#flush();
    this.#column = 0;
    this.#indent = "";
    this.#indentWidth = 0;
    return shown;
  }

  #flush(): string {
    const word = this.#held;
    this.#held = "";
    if (word !== "") return this.#place(word);
    const space = this.#space;
    this.#column += textWidth(space);
    this.#space = "";
    return space;
  }

  #limit(): number {
    const columns = this.#columns();
    return columns < LEAST_COLUMNS ? Number.POSITIVE_INFINITY : columns;
  }

  #place(word: string): string {
    const limit = this.#limit();
    const width = textWidth(word);
    const before = this.#space;
    const at = this.#column + textWidth(before);
    this.#space = "";
    const breaks = at + width > limit && this.#column > this.#indentWidth;
    const end = (breaks ? this.#indentWidth : at) + width;
    this.#column = end > limit ? end % limit : end; // the terminal goes on below
    if (breaks) return `\n${this.#indent}${word}`;
    return before + word;
  }
}
