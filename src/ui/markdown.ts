import type { ChalkInstance } from "chalk";
import { renderInline } from "./markdown-inline.ts";
import { textWidth } from "./text-width.ts";
import { WordWrap } from "./word-wrap.ts";

/** Lines whose first characters decide what they are: they wait for these. */
const UNDECIDED = /^ *(#{1,6}|[-*+]|(?:> ?)+|`{1,2}|`{3}.*|~{1,3}|\d{1,9}[.)]?|(?:[-*_] ?)+)?$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
const HEADING = /^ {0,3}(#{1,6}) +(.*?)(?: +#+)? *$/;
const RULE = /^ {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})$/;
const BULLET = /^( *)[-*+] +/;
const NUMBER = /^ *\d{1,9}[.)] +/;
const TABLE = /^ {0,3}\|/;
const QUOTE = /^ {0,3}((?:> ?)+)/;
const RULE_COLUMNS = 40;

/** Markdown that comes in pieces, as text for a terminal. A piece is shown as soon as it is certain
 *  how; marks that have no partner stay as they are, and no character but marks and the white space
 *  at which a line is broken is ever lost. Code and tables are not broken. */
export class MarkdownRenderer {
  readonly #style: ChalkInstance;
  /** Text that is not certain yet. */
  #held = "";
  /** The beginning of the line has been shown. */
  #inLine = false;
  /** The last character of it. */
  #before = "";
  /** The marks that end the code block. */
  #fence: string | undefined;
  /** The line is a table's. */
  #inTable = false;
  readonly #wrap: WordWrap;

  /** @param columns  width of the terminal, asked whenever it matters; without one, lines stay whole */
  constructor(style: ChalkInstance, columns: () => number = () => 0) {
    this.#style = style;
    this.#wrap = new WordWrap(columns);
  }

  /** What can be shown now. */
  push(text: string): string {
    this.#held += text;
    let shown = "";
    for (let end = this.#held.indexOf("\n"); end >= 0; end = this.#held.indexOf("\n")) {
      const line = this.#held.slice(0, end);
      this.#held = this.#held.slice(end + 1);
      shown += `${this.#finish(line)}${this.#wrap.endLine()}\n`;
    }
    return shown + this.#begin();
  }

  /** The rest, at the end of the text. */
  end(): string {
    const line = this.#held;
    this.#held = "";
    return this.#finish(line) + this.#wrap.endLine();
  }

  /** The rest of a complete line. */
  #finish(line: string): string {
    const inLine = this.#inLine;
    const before = this.#before;
    this.#inLine = false;
    this.#before = "";
    if (!inLine) return this.#whole(line);
    return this.#fence === undefined ? this.#show(this.#inline(line, before)) : this.#code(line);
  }

  #whole(line: string): string {
    const fence = FENCE.exec(line);
    if (this.#fence !== undefined) {
      const ends = fence?.[1]?.startsWith(this.#fence) && fence[2]?.trim() === "";
      if (!ends) return this.#code(line);
      this.#fence = undefined;
      return this.#wrap.asIs(this.#style.dim(line));
    }
    if (fence) {
      this.#fence = fence[1];
      return this.#wrap.asIs(this.#style.dim(line));
    }
    const heading = HEADING.exec(line);
    if (heading) return this.#show(this.#style.bold.underline(this.#inline(heading[2] ?? "")));
    if (RULE.test(line)) return this.#style.dim("\u2500".repeat(RULE_COLUMNS));
    const { shown, rest } = this.#lead(line);
    return shown + this.#show(this.#inline(rest));
  }

  /** As much of an incomplete line as is certain. */
  #begin(): string {
    if (this.#fence !== undefined) return this.#beginCode();
    if (!this.#inLine && (UNDECIDED.test(this.#held) || HEADING.test(this.#held))) return "";
    const { shown, rest } = this.#inLine ? { shown: "", rest: this.#held } : this.#lead(this.#held);
    const options = { complete: false, before: this.#before };
    const inline = renderInline(rest, this.#style, options);
    this.#before = rest.slice(0, rest.length - inline.rest.length).slice(-1) || this.#before;
    this.#inLine = true;
    this.#held = inline.rest;
    return shown + this.#show(inline.shown);
  }

  #beginCode(): string {
    if (this.#held === "" || (!this.#inLine && /^ {0,3}[`~]*\s*$/.test(this.#held))) return "";
    const text = this.#held;
    this.#held = "";
    this.#inLine = true;
    return this.#code(text);
  }

  /** The marks at the beginning of a list item or a quotation. */
  #lead(line: string): { shown: string; rest: string } {
    this.#inTable = TABLE.test(line);
    const quote = QUOTE.exec(line);
    if (quote) {
      const depth = (quote[1] ?? "").replaceAll(" ", "").length;
      const bars = this.#style.dim("\u2502 ".repeat(depth));
      return { shown: this.#wrap.lead(bars, bars), rest: line.slice(quote[0].length) };
    }
    const bullet = BULLET.exec(line);
    const marks = bullet ? `${bullet[1]}\u2022 ` : (NUMBER.exec(line)?.[0] ?? "");
    const length = bullet ? bullet[0].length : marks.length;
    const shown = this.#wrap.lead(marks, " ".repeat(textWidth(marks)));
    return { shown, rest: line.slice(length) };
  }

  /** Text of a line, broken where the terminal ends. */
  #show(text: string): string {
    return this.#inTable ? this.#wrap.asIs(text) : this.#wrap.prose(text);
  }

  #inline(text: string, before = ""): string {
    return renderInline(text, this.#style, { complete: true, before }).shown;
  }

  #code(text: string): string {
    return text === "" ? "" : this.#wrap.asIs(this.#style.cyan(text));
  }
}
