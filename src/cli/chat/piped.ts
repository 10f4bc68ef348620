import type { Context } from "../context.ts";
import type { RunFormat } from "../run-options.ts";
import { describeRun } from "../run-output.ts";
import type { Chat } from "./chat.ts";
import { openAnswerPrinter } from "./chat-output.ts";

/** Answers lines as they come: each is a turn, as it is, whatever it begins with. Empty ones are no
 *  turns.
 *  @throws {ResourceError} a line does not fit the context window */
export async function answerLines(
  { out, ui, signal }: Context,
  chat: Chat,
  lines: AsyncIterable<string>,
  format: RunFormat,
  onTurn: () => Promise<void>,
): Promise<void> {
  for await (const line of lines) {
    if (line.trim() === "") continue;
    const printer = openAnswerPrinter(out, format);
    const { summary } = await chat.ask(line, signal, printer.chunk);
    await printer.done(chat.conversation.turns.length, summary);
    ui.debug(describeRun(summary));
    signal.throwIfAborted();
    await onTurn();
  }
}
