import { UsageError } from "../../errors.ts";
import type { Line, LineEditor } from "../../ui/line-editor.ts";
import type { Context } from "../context.ts";
import { reportError } from "../report.ts";
import type { RunFormat } from "../run-options.ts";
import { describeEnding, describeRun } from "../run-output.ts";
import type { Chat } from "./chat.ts";
import { openAnswerPrinter } from "./chat-output.ts";
import type { ChatKeeper } from "./keeper.ts";
import { MessageBuilder } from "./multi-line.ts";
import { parseRequest, type Request } from "./slash.ts";
import { runSlash } from "./slash-actions.ts";

const PROMPT = "> ";
const CONTINUED = ". ";

/** Reads, answers, and reads again, until the user leaves or the program is stopped. */
export class Repl {
  readonly context: Context;
  readonly chat: Chat;
  readonly keeper: ChatKeeper;
  readonly #editor: LineEditor;
  readonly #format: RunFormat;
  readonly #message = new MessageBuilder();
  /** Ctrl-C was the last key, at an empty prompt. */
  #leaving = false;

  constructor(
    context: Context,
    chat: Chat,
    keeper: ChatKeeper,
    editor: LineEditor,
    format: RunFormat,
  ) {
    this.context = context;
    this.chat = chat;
    this.keeper = keeper;
    this.#editor = editor;
    this.#format = format;
  }

  async run(): Promise<void> {
    const { signal } = this.context;
    let done = false;
    while (!done && !signal.aborted) {
      const line = await this.#editor.read(this.#prompt(), signal);
      done = line.kind === "line" ? await this.#take(line.text) : this.#leave(line);
    }
  }

  /** Answers, streaming; Ctrl-C stops the answer. Failures are told and the chat goes on. */
  async say(user: string): Promise<void> {
    const { out, ui, signal } = this.context;
    const stop = new AbortController();
    this.#editor.hold(() => stop.abort());
    const printer = openAnswerPrinter(out, this.#format);
    const stopped = AbortSignal.any([signal, stop.signal]);
    const { summary } = await this.chat.ask(user, stopped, printer.chunk);
    await printer.done(this.chat.conversation.turns.length, summary);
    if (summary.finishReason !== "stop") ui.info(ui.style.dim(`(${describeEnding(summary)})`));
    ui.debug(describeRun(summary));
    if (this.#format === "text") ui.info("");
    await this.keeper.keep(this.chat);
  }

  /** @returns whether to leave */
  async #take(line: string): Promise<boolean> {
    this.#leaving = false;
    const message = this.#message.push(line);
    if (message === undefined || message.trim() === "") return false;
    await this.keeper.remember(message);
    try {
      return await this.#serve(message);
    } catch (error) {
      const { ui, signal } = this.context;
      if (signal.aborted) throw error;
      await reportError(error, this.context, { json: false, verbose: ui.shows("debug") });
      return false;
    }
  }

  async #serve(message: string): Promise<boolean> {
    const request = parseRequest(message);
    if (request.kind === "unknown") throw unknownCommand(request);
    if (request.kind === "say") await this.say(request.text);
    else if ((await runSlash(this, request.name, request.argument)) === "exit") return true;
    return false;
  }

  /** Ctrl-D leaves, and so does the second Ctrl-C when nothing has been typed. */
  #leave(line: Exclude<Line, { kind: "line" }>): boolean {
    if (line.kind === "end") {
      this.context.ui.say("");
      return true;
    }
    const nothing = line.empty && !this.#message.open;
    this.#message.reset();
    if (nothing && this.#leaving) return true;
    this.#leaving = nothing;
    if (nothing) this.context.ui.say("Ctrl-C once more, Ctrl-D or /exit leaves");
    return false;
  }

  #prompt(): string {
    const { style } = this.context.ui;
    return style.cyan(this.#message.open ? CONTINUED : PROMPT);
  }
}

function unknownCommand({ name, meant }: Extract<Request, { kind: "unknown" }>): UsageError {
  return new UsageError(`unknown command /${name}`, {
    hint: meant ? `did you mean /${meant}?` : "/help lists the commands; //text says /text",
  });
}
