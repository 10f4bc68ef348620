import { Chalk, type ChalkInstance } from "chalk";
import {
  type Activity,
  describeCount,
  startProgress,
  startProgressGroup,
  startSpinner,
} from "./activity.ts";
import { formatDuration } from "./format.ts";
import type { EditorOptions, LineEditor } from "./line-editor.ts";
import { redact } from "./redact.ts";
import type { Terminal } from "./terminal.ts";

/** From the fewest words to the most. */
export const LEVELS = ["error", "warn", "info", "debug"] as const;
export type Level = (typeof LEVELS)[number];

const COLOR_LEVEL_16 = 1;
const STILL = { update: () => undefined, stop: () => undefined };

/** Standard error: everything that is not the result. Secrets are masked here, once. */
export class Ui {
  readonly terminal: Terminal;
  readonly level: Level;
  readonly style: ChalkInstance;
  readonly #stream: NodeJS.WriteStream;
  #activity: Activity | undefined;
  #editor: LineEditor | undefined;

  constructor(stream: NodeJS.WriteStream, terminal: Terminal, level: Level) {
    this.#stream = stream;
    this.terminal = terminal;
    this.level = level;
    this.style = new Chalk({ level: terminal.color ? COLOR_LEVEL_16 : 0 });
    // Nobody is left to be told that nobody is left.
    stream.on("error", () => undefined);
  }

  /** Whether messages of `level` are shown. */
  shows(level: Level): boolean {
    return LEVELS.indexOf(level) <= LEVELS.indexOf(this.level);
  }

  error(message: string): void {
    this.#print("error", `${this.style.red.bold("error:")} ${message}`);
  }

  warn(message: string): void {
    this.#print("warn", `${this.style.yellow("warning:")} ${message}`);
  }

  /** What somebody asked for just now: shown at every level. */
  say(message: string): void {
    this.#print("error", message);
  }

  info(message: string): void {
    this.#print("info", message);
  }

  debug(message: string): void {
    this.#print("debug", this.style.dim(message));
  }

  /** A line below an error that says what to do next. */
  hint(message: string): void {
    this.#print("error", `${this.style.cyan("hint:")} ${message}`);
  }

  /** Lines that belong to an error, such as its stack. */
  trace(lines: string): void {
    this.#print("error", this.style.dim(lines));
  }

  /** Runs `work` under a spinner; off a terminal, with one line before it and one after it.
   *  `doing` and `done` are the same act in two tenses ("loading x", "loaded x"). */
  async spin<T>(doing: string, done: string, work: () => Promise<T>): Promise<T> {
    return this.#during(
      () => startSpinner(redact(doing), this.#stream, this.terminal),
      { doing, done },
      work,
    );
  }

  /** A spinner for a wait whose end only the caller sees; nothing off a terminal. */
  async wait(text: string): Promise<{ update(text: string): void; stop(): void }> {
    if (!this.terminal.animated || !this.shows("info")) return STILL;
    const spinner = await startSpinner(redact(text), this.#stream, this.terminal);
    this.#activity = spinner;
    return { update: (next) => spinner.update(redact(next)), stop: () => this.#still() };
  }

  /** An editor of lines typed by a person; undefined where nobody would see what he types. Close it
   *  at the end. */
  async lineEditor(
    stdin: NodeJS.ReadStream,
    options: EditorOptions,
  ): Promise<LineEditor | undefined> {
    if (!stdin.isTTY || !this.terminal.isTty) return undefined;
    const { LineEditor } = await import("./line-editor.ts"); // readline: for those who need it
    this.#editor = new LineEditor(stdin, this.#stream, options);
    return this.#editor;
  }

  /** Runs `work` with a progress bar over bytes; off a terminal as `spin`. */
  async progress<T>(
    doing: string,
    done: string,
    work: (report: (doneBytes: number, totalBytes: number) => void) => Promise<T>,
  ): Promise<T> {
    let bar: Awaited<ReturnType<typeof startProgress>> | undefined;
    return this.#during(
      async () => {
        bar = await startProgress(redact(doing), this.#stream);
        return bar;
      },
      { doing, done },
      () => work((doneBytes, totalBytes) => bar?.update(doneBytes, totalBytes)),
    );
  }

  /** Runs `work` with a bar for each of several things and one for all, over `total` bytes. */
  async progressGroup<T>(
    doing: string,
    done: string,
    total: number,
    work: (report: (name: string, doneBytes: number, totalBytes: number) => void) => Promise<T>,
  ): Promise<T> {
    let bars: Awaited<ReturnType<typeof startProgressGroup>> | undefined;
    return this.#during(
      async () => {
        this.info(doing);
        bars = await startProgressGroup(total, this.#stream);
        return bars;
      },
      { doing, done },
      () => work((name, doneBytes, totalBytes) => bars?.update(name, doneBytes, totalBytes)),
    );
  }

  /** Puts a question to whoever sits at the terminal; the answer without blanks around it. */
  async ask(question: string, stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<string> {
    const { createInterface } = await import("node:readline/promises");
    const reader = createInterface({ input: stdin, output: this.#stream });
    try {
      return (await reader.question(`${redact(question)} `, { signal })).trim();
    } finally {
      reader.close();
    }
  }

  /** Runs `work` with a progress bar over things that are counted; off a terminal as `spin`. */
  async count<T>(
    doing: string,
    done: string,
    work: (report: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T> {
    let bar: Awaited<ReturnType<typeof startProgress>> | undefined;
    return this.#during(
      async () => {
        bar = await startProgress(redact(doing), this.#stream, describeCount);
        return bar;
      },
      { doing, done },
      () => work((doneCount, total) => bar?.update(doneCount, total)),
    );
  }

  /** Leaves the terminal usable, whatever was moving on it. */
  restore(): void {
    this.#still();
    this.#editor?.close();
    this.#editor = undefined;
  }

  #still(): void {
    this.#activity?.stop();
    this.#activity = undefined;
  }

  async #during<T>(
    start: () => Promise<Activity>,
    words: { readonly doing: string; readonly done: string },
    work: () => Promise<T>,
  ): Promise<T> {
    const startedAt = performance.now();
    const animated = this.terminal.animated && this.shows("info");
    if (animated) this.#activity = await start();
    else this.info(words.doing);
    const result = await work().finally(() => this.#still());
    const elapsed = formatDuration(performance.now() - startedAt);
    if (animated) this.debug(`${words.done} in ${elapsed}`);
    else this.info(`${words.done} in ${elapsed}`);
    return result;
  }

  #print(level: Level, line: string): void {
    if (!this.shows(level)) return;
    const safe = redact(line);
    if (this.#activity) this.#activity.print(safe);
    else this.#stream.write(`${safe}\n`);
  }
}
