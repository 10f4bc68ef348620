import { formatDuration, formatRate } from "../../ui/format.ts";
import { formatTable } from "../../ui/table.ts";
import { describeRun } from "../run-output.ts";
import type { Repl } from "./repl.ts";
import { changeSetting, settingRows } from "./settings.ts";
import { SLASH_COMMANDS, type SlashName } from "./slash.ts";

type Action = (repl: Repl, argument: string) => Promise<"exit" | undefined> | "exit" | undefined;

const SHOWN_CHATS = 20;
const NOT_SAID = "nothing has been said yet";

const ACTIONS: Readonly<Record<SlashName, Action>> = {
  help,
  system,
  save: async (repl, name) => {
    await repl.keeper.save(repl.chat, name === "" ? undefined : name);
    return tell(repl, `saved as "${repl.keeper.name}": bitnet chat --resume "${repl.keeper.name}"`);
  },
  load,
  regen: async (repl) => {
    const turn = repl.chat.conversation.undo();
    if (!turn) return tell(repl, NOT_SAID);
    if (repl.chat.settings.temperature === 0) {
      tell(repl, "note: temperature is 0, so the answer will be the same; /set temperature 0.8");
    }
    const { length } = repl.chat.conversation.turns;
    try {
      await repl.say(turn.user);
    } finally {
      // Stopped before its first word: the old answer stays.
      if (repl.chat.conversation.turns.length === length) repl.chat.conversation.add(turn);
    }
    return undefined;
  },
  undo: async (repl) => {
    const turn = repl.chat.conversation.undo();
    if (!turn) return tell(repl, NOT_SAID);
    await repl.keeper.keep(repl.chat);
    return tell(repl, `taken back: ${firstLine(turn.user)}`);
  },
  clear: (repl) => {
    repl.chat.conversation.clear();
    repl.keeper.renew();
    return tell(repl, "a new chat begins; the system message stays");
  },
  set: (repl, argument) => {
    if (argument !== "") return tell(repl, changeSetting(repl.chat.settings, argument));
    return tell(repl, ...formatTable(settingRows(repl.chat.settings)));
  },
  stats,
  exit: () => "exit",
};

/** @returns "exit" when the chat is to end */
export async function runSlash(
  repl: Repl,
  name: SlashName,
  argument: string,
): Promise<"exit" | undefined> {
  return ACTIONS[name](repl, argument);
}

function help(repl: Repl): undefined {
  const rows = SLASH_COMMANDS.map(({ name, argument, says }) => [`/${name} ${argument}`, says]);
  return tell(
    repl,
    ...formatTable(rows),
    "",
    '  A line that ends with \\ goes on in the next; """ begins and ends a block of lines.',
    "  Ctrl-C stops an answer; arrow keys find earlier lines, Ctrl-R searches them; Tab completes.",
    "  //text says /text.",
  );
}

async function system(repl: Repl, text: string): Promise<undefined> {
  const { conversation } = repl.chat;
  if (text === "") return tell(repl, conversation.system ?? "there is no system message");
  conversation.setSystem(text === "-" ? undefined : text);
  await repl.keeper.keep(repl.chat);
  return tell(repl, text === "-" ? "system message removed" : "system message replaced");
}

async function load(repl: Repl, name: string): Promise<undefined> {
  if (name === "") {
    const names = await repl.keeper.saved.names();
    const more = names.length - SHOWN_CHATS;
    const lines = names.slice(0, SHOWN_CHATS).map((one) => `  ${one}`);
    if (names.length === 0) return tell(repl, "no chat has been saved yet");
    return tell(repl, ...lines, ...(more > 0 ? [`  and ${more} older ones`] : []));
  }
  await repl.keeper.keep(repl.chat);
  await repl.keeper.keepEvaluated(repl.chat);
  repl.chat.replace(await repl.keeper.open(name));
  await repl.keeper.restoreEvaluated(repl.chat);
  return tell(repl, describeChat(repl));
}

/** `going on with "tea" (3 turns), last: How long should it steep?`. */
export function describeChat({ chat, keeper }: Pick<Repl, "chat" | "keeper">): string {
  const { turns } = chat.conversation;
  const count = turns.length === 1 ? "1 turn" : `${turns.length} turns`;
  const last = turns.at(-1);
  const tail = last ? `; the last question was: ${firstLine(last.user)}` : "";
  return `going on with "${keeper.name}" (${count})${tail}`;
}

function stats(repl: Repl): undefined {
  const { last, totals, parts } = repl.chat;
  const { contextLength, evaluatedTokens } = parts.speaker.session;
  const speed = totals.generateMs > 0 ? (totals.generatedTokens * 1000) / totals.generateMs : 0;
  return tell(
    repl,
    `last answer: ${last ? describeRun(last) : "none yet"}`,
    `all ${totals.answers} answers: ${totals.generatedTokens} tokens at ${formatRate(speed)} tok/s, ` +
      `${totals.promptTokens} prompt tokens in ${formatDuration(totals.promptMs)}`,
    `context window: ${evaluatedTokens} of ${contextLength} tokens, ` +
      `${repl.chat.conversation.leftOut} turns left out`,
  );
}

const SHOWN_CHARACTERS = 70;

function firstLine(text: string): string {
  const [line = ""] = text.split("\n", 1);
  return line.length < text.length || line.length > SHOWN_CHARACTERS
    ? `${line.slice(0, SHOWN_CHARACTERS)} ...`
    : line;
}

function tell(repl: Repl, ...lines: readonly string[]): undefined {
  for (const line of lines) repl.context.ui.say(line);
  return undefined;
}
