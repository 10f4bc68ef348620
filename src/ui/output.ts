import { once } from "node:events";
import type { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import { Chalk } from "chalk";
import type { Terminal } from "./terminal.ts";

/** Standard output: the result of a command and nothing else. Every method resolves once the
 *  stream can take more; once it is lost they do nothing. */
export class Output {
  readonly terminal: Terminal;
  readonly #stream: Writable;
  readonly #lost = new AbortController();
  #atLineStart = true;

  /** `onLost` is called when nothing more can be written: the reader closed its end (EPIPE), or
   *  the disk is full. */
  constructor(
    stream: Writable,
    terminal: Terminal,
    onLost: (error: NodeJS.ErrnoException) => void,
  ) {
    this.#stream = stream;
    this.terminal = terminal;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (this.lost) return;
      this.#lost.abort();
      onLost(error);
    });
  }

  /** True once nothing more can be written. */
  get lost(): boolean {
    return this.#lost.signal.aborted;
  }

  /** Generated text, byte for byte, except that a terminal is never sent control characters: a
   *  model must not be able to move the cursor or to write the clipboard. */
  async text(chunk: string): Promise<void> {
    await this.#write(this.terminal.isTty ? showControls(chunk) : chunk);
  }

  /** Our own words, as they are: may contain colour. */
  async line(text = ""): Promise<void> {
    await this.#write(`${text}\n`);
  }

  /** A heading over the lines that follow. */
  async title(text: string): Promise<void> {
    await this.line(this.terminal.color ? `${BOLD}${text}${NOT_BOLD}` : text);
  }

  /** Ends an unfinished line on a terminal, where the shell's prompt would stick to it. In a pipe
   *  or a file the text stays as it was generated. */
  async finishLine(): Promise<void> {
    if (this.terminal.isTty && !this.#atLineStart) await this.#write("\n");
  }

  /** A generated text in pieces that ends with a line feed; on a terminal with colour its Markdown is
   *  shown as what it means and long lines are broken between words, else it stays as it is. */
  markdown(): TextWriter {
    const { isTty, color } = this.terminal;
    if (!isTty || !color) return { write: (chunk) => this.text(chunk), end: () => this.line() };
    const columns = () => (this.#stream as Partial<WriteStream>).columns ?? 0;
    // Most commands never show any.
    const renderer = import("./markdown.ts").then(
      ({ MarkdownRenderer }) => new MarkdownRenderer(new Chalk({ level: COLOR_LEVEL_16 }), columns),
    );
    return {
      write: async (chunk) => this.#write((await renderer).push(showControls(chunk))),
      end: async () => this.line((await renderer).end()),
    };
  }

  /** One JSON document. */
  async json(value: unknown): Promise<void> {
    await this.#write(`${JSON.stringify(value, jsonSafe, 2)}\n`);
  }

  /** One line of NDJSON. */
  async event(value: unknown): Promise<void> {
    await this.#write(`${JSON.stringify(value, jsonSafe)}\n`);
  }

  /** Data that is no text, for programs: not to be sent to a terminal. */
  async bytes(data: Uint8Array): Promise<void> {
    await this.#write(data);
  }

  async #write(data: string | Uint8Array): Promise<void> {
    if (this.lost || data.length === 0) return;
    this.#atLineStart = typeof data === "string" && data.endsWith("\n");
    if (this.#stream.write(data)) return;
    // Rejects when the stream is lost, which `onLost` has reported.
    await once(this.#stream, "drain", { signal: this.#lost.signal }).catch(() => undefined);
  }
}

export interface TextWriter {
  write(chunk: string): Promise<void>;
  end(): Promise<void>;
}

const COLOR_LEVEL_16 = 1;
const BOLD = "\u001b[1m";
const NOT_BOLD = "\u001b[22m";

/** JSON has no 64-bit integers: exact numbers where they fit, else decimal strings. */
function jsonSafe(_key: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

const CONTROL_PICTURES = 0x2400;
const DELETE_PICTURE = "\u2421";

/** Replaces control characters other than tab, line feed and carriage return by their pictures. */
function showControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(CONTROL_PICTURES + code);
    return code === 0x7f ? DELETE_PICTURE : "\ufffd";
  });
}
