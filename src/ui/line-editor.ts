import { createInterface, type Interface } from "node:readline";
import { bracketedPaste, InputGate } from "./input-gate.ts";
import { Pastes } from "./pastes.ts";

export interface EditorOptions {
  /** Earlier lines, newest first. */
  readonly history: readonly string[];
  /** Lines kept of them. */
  readonly historySize: number;
  /** Completions of what stands before the cursor. */
  readonly complete: (line: string) => readonly string[];
}

/** How reading a line ended. */
export type Line =
  | { readonly kind: "line"; readonly text: string }
  /** Ctrl-C; whether there was anything in the line. */
  | { readonly kind: "interrupt"; readonly empty: boolean }
  /** Ctrl-D, or the terminal is gone. */
  | { readonly kind: "end" };

const CTRL_E = { ctrl: true, name: "e" };

/** Lines from a terminal, with history, completion and pastes that may have several lines. Between
 *  two lines the terminal belongs to the program; what is typed then waits. */
export class LineEditor {
  readonly #stdin: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream;
  readonly #gate: InputGate;
  readonly #readline: Interface;
  readonly #pastes = new Pastes();
  /** Lines that came with the one that was read. */
  readonly #lines: Line[] = [];
  #take: ((line: Line) => void) | undefined;
  #ended = false;

  constructor(stdin: NodeJS.ReadStream, output: NodeJS.WriteStream, options: EditorOptions) {
    this.#stdin = stdin;
    this.#output = output;
    // The terminal is gone, which the read may tell before the signal does. Node would restore its
    // settings on the way out, and abort when that fails.
    stdin.once("error", () => process.kill(process.pid, "SIGHUP"));
    this.#gate = new InputGate(
      (raw) => void stdin.setRawMode(raw),
      (pasted) => this.#pastes.add(pasted),
    );
    this.#readline = createInterface({
      input: stdin.pipe(this.#gate),
      output,
      terminal: true,
      history: [...options.history],
      historySize: options.historySize,
      removeHistoryDuplicates: true,
      completer: (line: string) => [[...options.complete(line)], line],
    });
    this.#readline
      .on("line", (line) => this.#give({ kind: "line", text: this.#pastes.expand(line) }))
      .on("SIGINT", () => this.#give({ kind: "interrupt", empty: this.#readline.line === "" }))
      .on("close", () => {
        this.#ended = true;
        this.#give({ kind: "end" });
      });
    output.write(bracketedPaste(true));
    this.hold(() => undefined);
  }

  /** Reads one line after `prompt`. */
  async read(prompt: string, signal: AbortSignal): Promise<Line> {
    const waiting = this.#lines.shift();
    if (waiting) return waiting;
    if (this.#ended || signal.aborted) return { kind: "end" };
    const onAbort = () => this.#give({ kind: "end" });
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await new Promise<Line>((resolve) => {
        this.#take = resolve;
        this.#readline.setPrompt(prompt);
        this.#readline.prompt();
        this.#gate.openGate();
      });
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** What is typed waits for the next `read`; Ctrl-C calls `onInterrupt`. */
  hold(onInterrupt: () => void): void {
    this.#gate.closeGate(onInterrupt);
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#readline.close();
    this.#stdin.unpipe(this.#gate).pause();
    this.#output.write(bracketedPaste(false));
  }

  #give(line: Line): void {
    if (line.kind === "interrupt") this.#dropLine();
    const take = this.#take;
    this.#take = undefined;
    this.hold(() => undefined);
    if (take) take(line);
    else if (line.kind === "line") this.#lines.push(line);
  }

  /** Leaves what was typed on the screen, as shells do. */
  #dropLine(): void {
    this.#readline.write(null, CTRL_E);
    this.#output.write("\n");
    Object.assign(this.#readline, { line: "", cursor: 0 });
  }
}
