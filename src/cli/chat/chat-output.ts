import type { GenerationChunk } from "../../engine/generation.ts";
import type { Output } from "../../ui/output.ts";
import type { RunFormat } from "../run-options.ts";
import type { RunSummary } from "../run-output.ts";

/** How one answer is written to standard output. */
export interface AnswerPrinter {
  chunk(chunk: GenerationChunk): Promise<void>;
  /** @param turn  number of the turn, from 1 */
  done(turn: number, summary: RunSummary): Promise<void>;
}

export function openAnswerPrinter(out: Output, format: RunFormat): AnswerPrinter {
  if (format === "json") return jsonPrinter(out);
  return format === "ndjson" ? eventPrinter(out) : textPrinter(out);
}

/** The answer without white space around it, and a line feed. */
function textPrinter(out: Output): AnswerPrinter {
  const trimmer = new StreamTrimmer();
  const writer = out.markdown();
  return {
    chunk: ({ text }) => writer.write(trimmer.push(text)),
    done: () => writer.end(),
  };
}

function eventPrinter(out: Output): AnswerPrinter {
  return {
    chunk: async ({ text }) => {
      if (text !== "") await out.event({ type: "token", text });
    },
    done: (turn, summary) => out.event({ type: "done", turn, ...summary }),
  };
}

/** A document per line: a turn is an event of the chat. */
function jsonPrinter(out: Output): AnswerPrinter {
  let text = "";
  return {
    chunk: async (chunk) => {
      text += chunk.text;
    },
    done: (turn, { model, ...summary }) =>
      out.event({ turn, model, text: text.trim(), ...summary }),
  };
}

/** Removes white space at both ends of a text that comes in pieces. */
export class StreamTrimmer {
  #held: string | undefined;

  /** The text that is certain not to be at an end. */
  push(text: string): string {
    if (this.#held === undefined && text.trim() === "") return "";
    const all = this.#held === undefined ? text.trimStart() : this.#held + text;
    const shown = all.trimEnd();
    this.#held = all.slice(shown.length);
    return shown;
  }
}
