import { CommanderError } from "commander";
import { UsageError } from "../errors.ts";

/** Commands to which a text that was not quoted looks like several arguments. */
const TAKE_TEXT = new Set(["run", "chat", "embed"]);

const SHOWN = new Set(["commander.helpDisplayed", "commander.help", "commander.version"]);

/** True when commander threw only to end the program after it printed help or version. */
export function isHelpShown(error: unknown): boolean {
  return error instanceof CommanderError && SHOWN.has(error.code);
}

/** Commander's complaint as a UsageError; anything else as it is.
 *  called  the command whose options were parsed; word  what stood in its place */
export function fromCommander(
  error: unknown,
  { called, word }: { readonly called: string | undefined; readonly word: string | undefined },
): unknown {
  if (!(error instanceof CommanderError)) return error;
  const [first = "", ...others] = error.message.split("\n");
  const suggestion = /Did you mean (.+?)\?/.exec(others.join(" "))?.[1];
  const hint = suggestion ? `did you mean ${suggestion}?` : hintFor(error.code, called, word);
  return new UsageError(first.replace(/^error: /, ""), { hint });
}

function hintFor(code: string, called: string | undefined, word = ""): string {
  if (code === "commander.excessArguments" && TAKE_TEXT.has(called ?? ""))
    return 'quote a text that has spaces: -p "two words"';
  if (called) return `run \`bitnet ${called} --help\``;
  if (word.endsWith(".gguf")) return `bitnet run -m ${word} -p "..."`;
  if (code === "commander.unknownOption") return "options follow a command: bitnet run -p ...";
  return "run `bitnet --help`";
}
