/** Characters that a line editor cannot hold in a line, and pictures in their place. */
const PICTURES: ReadonlyArray<readonly [char: string, picture: string]> = [
  ["\n", "\u2424"],
  ["\t", "\u2409"],
];
/** Longer pastes are shown as a mark: a line editor is slow with them, and people need not see them. */
const SHOWN_LINES = 5;
const SHOWN_CHARACTERS = 500;

/** Text in a form that fits a line. */
export function toLine(text: string): string {
  return PICTURES.reduce((line, [char, picture]) => line.replaceAll(char, picture), text);
}

/** The text that a line stands for. */
export function fromLine(line: string): string {
  return PICTURES.reduce((text, [char, picture]) => text.replaceAll(picture, char), line);
}

/** Pasted texts of the message that is being typed. */
export class Pastes {
  readonly #texts = new Map<string, string>();
  #count = 0;

  /** What the line shows of a pasted text. */
  add(pasted: string): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: keys that nobody pressed
    const text = pasted.replace(/\r\n?/g, "\n").replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
    const lines = text.split("\n").length;
    if (lines <= SHOWN_LINES && text.length <= SHOWN_CHARACTERS) return toLine(text);
    const mark = `[paste ${++this.#count}: ${lines} lines, ${text.length} characters]`;
    this.#texts.set(mark, text);
    return mark;
  }

  /** The line with all of the pasted texts in it. */
  expand(line: string): string {
    let text = fromLine(line);
    for (const [mark, pasted] of this.#texts) text = text.replaceAll(mark, () => pasted);
    return text;
  }
}
