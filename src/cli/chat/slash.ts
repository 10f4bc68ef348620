import { suggest } from "../../config/suggest.ts";

/** What a typed message asks for. */
export type Request =
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "command"; readonly name: SlashName; readonly argument: string }
  | { readonly kind: "unknown"; readonly name: string; readonly meant: string | undefined };

/** In the order of the help. */
export const SLASH_COMMANDS = [
  { name: "help", argument: "", says: "list the commands" },
  {
    name: "system",
    argument: "[text]",
    says: "show or replace the system message; `-` removes it",
  },
  { name: "save", argument: "[name]", says: "save the chat, under another name if one is given" },
  { name: "load", argument: "[name]", says: "go on with a saved chat; without a name, list them" },
  { name: "regen", argument: "", says: "answer the last question again" },
  { name: "undo", argument: "", says: "take the last question and its answer back" },
  { name: "clear", argument: "", says: "begin a new chat; the system message stays" },
  { name: "set", argument: "[name value]", says: "show or change sampling and length of answers" },
  { name: "stats", argument: "", says: "tokens and speed of the last answer and of the chat" },
  { name: "exit", argument: "", says: "leave (also Ctrl-D)" },
] as const;

export type SlashName = (typeof SLASH_COMMANDS)[number]["name"];

const OTHER_NAMES: ReadonlyMap<string, SlashName> = new Map([
  ["?", "help"],
  ["quit", "exit"],
  ["bye", "exit"],
  ["q", "exit"],
  ["regenerate", "regen"],
  ["retry", "regen"],
  ["reset", "clear"],
]);

/** `/name argument` is a command; `//text` says `/text`. */
export function parseRequest(message: string): Request {
  const match = /^\/(?!\/)(\S*)\s*([\s\S]*)$/.exec(message);
  if (!match) {
    return { kind: "say", text: message.startsWith("//") ? message.slice(1) : message };
  }
  const [, typed = "", argument = ""] = match;
  const names = SLASH_COMMANDS.map(({ name }) => name);
  const name = names.find((one) => one === typed) ?? OTHER_NAMES.get(typed);
  if (name) return { kind: "command", name, argument: argument.trim() };
  const begins = typed === "" ? undefined : names.find((one) => one.startsWith(typed));
  return { kind: "unknown", name: typed, meant: begins ?? suggest(typed, names) };
}

/** Completions of a line that may be a command; `words` gives those of its argument. */
export function completeSlash(
  line: string,
  words: (name: SlashName) => readonly string[],
): readonly string[] {
  if (!line.startsWith("/")) return [];
  const space = line.indexOf(" ");
  if (space < 0) {
    const all = SLASH_COMMANDS.map((one) => `/${one.name}${one.argument === "" ? "" : " "}`);
    return all.filter((text) => text.startsWith(line));
  }
  const known = SLASH_COMMANDS.find(({ name }) => name === line.slice(1, space));
  if (!known) return [];
  const candidates = words(known.name).map((word) => `/${known.name} ${word}`);
  return candidates.filter((text) => text.startsWith(line));
}
