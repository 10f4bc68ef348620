import { join } from "node:path";
import { Conversation } from "../../chat/conversation.ts";
import { ChatTemplate } from "../../chat/template.ts";
import { userCacheDir, userStateDir } from "../../config/paths.ts";
import type { Model } from "../../engine/model.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import type { LineEditor } from "../../ui/line-editor.ts";
import { Chat } from "../chat/chat.ts";
import { HISTORY_LINES, History } from "../chat/history.ts";
import { ChatKeeper } from "../chat/keeper.ts";
import { answerLines } from "../chat/piped.ts";
import { PromptCache } from "../chat/prompt-cache.ts";
import { Repl } from "../chat/repl.ts";
import { SavedChats } from "../chat/saved-chats.ts";
import { SETTING_NAMES } from "../chat/settings.ts";
import { completeSlash } from "../chat/slash.ts";
import { describeChat } from "../chat/slash-actions.ts";
import { defineCommand } from "../command.ts";
import { constraintOf, readConstraint } from "../constraint.ts";
import type { Context } from "../context.ts";
import { rawLines } from "../lines.ts";
import type { OptionValues } from "../options.ts";
import { profileContext } from "../profile.ts";
import { readPrompt } from "../prompt.ts";
import { GENERATE_OPTIONS, loadModel, MODEL_OPTIONS } from "../run-model.ts";
import { chooseFormat, expandAll, readTemplate } from "../run-options.ts";
import { samplingParams } from "../sampling.ts";

const KEYS = [
  ...MODEL_OPTIONS,
  "prompt",
  "file",
  ...GENERATE_OPTIONS,
  "resume",
  "saveChat",
  "json",
  "ndjson",
] as const;
/** Of the prompt caches of all chats together. */
const MAX_CACHE_BYTES = 2 * 1024 ** 3;

type Options = Omit<OptionValues<(typeof KEYS)[number]>, "logprobs">;

export const chat = defineCommand({
  description:
    "Talks with a model. On a terminal, lines have history, completion and commands: /help lists " +
    "them; Ctrl-C stops an answer, Ctrl-D leaves. From a pipe, each line is a turn as it is, and " +
    "standard output carries the answers alone, each ended by a line feed.",
  options: KEYS.filter((key) => key !== "logprobs"),
  changes: {
    prompt: { help: "system message: what the model is and how it is to answer" },
    file: { help: "read the system message from a file" },
    system: { help: "the same as --prompt, which comes before it" },
    conversation: { help: "accepted: a chat always is a conversation" },
    nPredict: { fallback: -1, help: "tokens of an answer at most; -1 is unlimited" },
    json: { help: "print one line of JSON per answer" },
  },
  examples: [
    { command: "bitnet chat -m model.gguf", says: "talk" },
    { command: 'bitnet chat -m model.gguf -p "You are a terse pirate."', says: "with a role" },
    { command: "bitnet chat --resume", says: "go on with the last chat" },
    { command: "bitnet chat -q --temp 0 < questions.txt > answers.txt", says: "a line, a turn" },
    { command: "echo 'What is 2 + 3?' | bitnet chat -q --json", says: "answers as JSON" },
  ],
  async run(context, options) {
    const format = chooseFormat({ ...options, logprobs: undefined });
    const system = await readSystem(options, context);
    const keeper = openKeeper(context, options);
    const resumed = await openResumed(options, keeper);
    if (system !== undefined) resumed?.setSystem(system);
    const startedAt = performance.now();
    const model = await loadModel(context, options);
    let editor: LineEditor | undefined;
    try {
      const loadMs = performance.now() - startedAt;
      context.signal.throwIfAborted();
      const conversation = resumed ?? new Conversation(system);
      const talk = await openChat(context, options, { model, loadMs, conversation });
      if (resumed) {
        await keeper.restoreEvaluated(talk);
        context.ui.info(describeChat({ chat: talk, keeper }));
      }
      editor = await openEditor(context, keeper);
      if (editor) await new Repl(context, talk, keeper, editor, format).run();
      else await answerPipe(context, talk, keeper, format);
      if (!context.signal.aborted) await keeper.keepEvaluated(talk);
    } finally {
      editor?.close();
      await model.close();
    }
  },
});

/** @throws {UsageError} two of them, or standard input, from which the turns come */
async function readSystem(options: Options, context: Context): Promise<string | undefined> {
  const { prompt, file, system } = options;
  if (prompt === "-" || file === "-") {
    throw new UsageError("a chat reads its turns from standard input, not its system message", {
      hint: "pass that with -p or -f FILE",
    });
  }
  if (prompt !== undefined || file !== undefined) return readPrompt(options, context);
  return system === undefined ? undefined : expandAll([system], options.escape)[0];
}

/** On a terminal chats are kept by themselves; in a pipe only the one that was resumed. */
function openKeeper({ ui, stdin }: Context, { saveChat: save, resume }: Options): ChatKeeper {
  const state = userStateDir(process.env);
  const automatic = save && (resume !== undefined || (stdin.isTTY && ui.terminal.isTty));
  const history = new History(join(state, "chat-history"));
  const cache = new PromptCache(join(userCacheDir(process.env), "chats"), MAX_CACHE_BYTES);
  return new ChatKeeper(new SavedChats(join(state, "chats")), history, cache, ui, automatic);
}

/** @throws {NotFoundError} nothing to go on with */
async function openResumed(
  { resume }: Options,
  keeper: ChatKeeper,
): Promise<Conversation | undefined> {
  if (resume === undefined) return undefined;
  const [last] = await keeper.saved.names();
  const name = resume === "" ? last : resume;
  if (name !== undefined) return keeper.open(name);
  throw new NotFoundError("no chat has been saved yet", { hint: "start one: bitnet chat" });
}

async function openChat(
  context: Context,
  options: Options,
  parts: { readonly model: Model; readonly loadMs: number; readonly conversation: Conversation },
): Promise<Chat> {
  const { ui, origins } = context;
  const { model, loadMs, conversation } = parts;
  const { tokenizer, hparams } = model;
  const override = await readTemplate(options.chatTemplate);
  const template = new ChatTemplate({ tokenizer, architecture: hparams.family }, override);
  for (const note of template.notes) ui.info(`note: ${note}`);
  const { logitBias, ...sampling } = samplingParams(options, origins, model);
  const session = model.createSession({
    contextLength: options.ctxSize || profileContext(options.profile, options.kvType, model),
  });
  const fixed = {
    model,
    loadMs,
    logitBias,
    speaker: { session, template },
    stop: expandAll(options.stop, options.escape),
    speculate: options.speculate,
    constraint: await constraintOf(model, await readConstraint(options)),
    form: JSON.stringify([options.i2sLayout, options.lora]),
  };
  const settings = { ...sampling, nPredict: options.nPredict, seed: options.seed };
  return new Chat(context, fixed, settings, conversation);
}

async function openEditor(
  { ui, stdin }: Context,
  keeper: ChatKeeper,
): Promise<LineEditor | undefined> {
  const words = { set: () => SETTING_NAMES, load: () => keeper.saved.namesNow() };
  return ui.lineEditor(stdin, {
    history: await keeper.typed(),
    historySize: HISTORY_LINES,
    complete: (line) =>
      completeSlash(line, (name) => (name in words ? words[name as "set"]() : [])),
  });
}

async function answerPipe(
  context: Context,
  talk: Chat,
  keeper: ChatKeeper,
  format: ReturnType<typeof chooseFormat>,
): Promise<void> {
  const lines = rawLines(() => context.stdin, "standard input", context.signal);
  await answerLines(context, talk, lines, format, () => keeper.keep(talk));
}
