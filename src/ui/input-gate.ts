import { Transform, type TransformCallback } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** Between a terminal's keys and the line editor. Pasted text (bracketed paste) comes out without the
 *  line ends that would send it; while the gate is closed, keys wait for it to open, except Ctrl-C. */
export class InputGate extends Transform {
  readonly #decoder = new StringDecoder("utf8");
  readonly #setRaw: (raw: boolean) => void;
  readonly #onPaste: (text: string) => string;
  #onInterrupt: (() => void) | undefined;
  /** Keys that came while the gate was closed. */
  #waiting = "";
  /** Text of a paste whose end has not come yet. */
  #paste: string | undefined;
  /** The end of a read that may be the beginning of a marker. */
  #partial = "";

  /** @param onPaste  gives what the line editor gets in place of a pasted text */
  constructor(setRaw: (raw: boolean) => void, onPaste: (text: string) => string) {
    super();
    this.#setRaw = setRaw;
    this.#onPaste = onPaste;
  }

  /** What readline calls on a terminal. */
  setRawMode(raw: boolean): this {
    this.#setRaw(raw);
    return this;
  }

  /** Keys wait from now on; Ctrl-C calls `onInterrupt` and drops those that wait. */
  closeGate(onInterrupt: () => void): void {
    this.#onInterrupt = onInterrupt;
  }

  openGate(): void {
    this.#onInterrupt = undefined;
    const text = this.#waiting;
    this.#waiting = "";
    if (text !== "") this.push(text);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#take(this.#partial + this.#decoder.write(chunk));
    done();
  }

  #take(text: string): void {
    this.#partial = "";
    let rest = text;
    while (rest !== "") {
      const marker = this.#paste === undefined ? PASTE_START : PASTE_END;
      const at = rest.indexOf(marker);
      if (at < 0) break;
      this.#give(rest.slice(0, at));
      if (this.#paste === undefined) {
        this.#paste = "";
      } else {
        const pasted = this.#paste;
        this.#paste = undefined;
        this.#give(this.#onPaste(pasted));
      }
      rest = rest.slice(at + marker.length);
    }
    const cut = PARTIAL_MARKER.exec(rest)?.index ?? rest.length;
    this.#partial = rest.slice(cut);
    this.#give(rest.slice(0, cut));
  }

  #give(text: string): void {
    if (text === "") return;
    if (this.#paste !== undefined) {
      this.#paste += text;
    } else if (this.#onInterrupt === undefined) {
      this.push(text);
    } else if (text.includes(CTRL_C)) {
      this.#waiting = "";
      this.#onInterrupt();
    } else {
      this.#waiting += text;
    }
  }
}

const CTRL_C = "\u0003";
const ESCAPE = "\u001b";
const PASTE_START = `${ESCAPE}[200~`;
const PASTE_END = `${ESCAPE}[201~`;
/** A lone Escape is a key. */
const PARTIAL_MARKER = new RegExp(`${ESCAPE}\\[(2(0[01]?)?)?$`);

/** Asks a terminal to mark pasted text, or not to any more. */
export function bracketedPaste(on: boolean): string {
  return `${ESCAPE}[?2004${on ? "h" : "l"}`;
}
