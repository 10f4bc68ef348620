import { CancelledError } from "../errors.ts";
import { openStreams, type Streams } from "../ui/streams.ts";
import type { Level } from "../ui/ui.ts";
import { normalizeArgs, splitCommand } from "./argv.ts";
import { type Command, optionKeys } from "./command.ts";
import { fromCommander, isHelpShown } from "./commander-error.ts";
import { COMMANDS } from "./commands/index.ts";
import { Interrupts } from "./interrupts.ts";
import { GLOBAL_OPTIONS, type OptionKey, type OptionValues } from "./options.ts";
import { buildProgram } from "./program.ts";
import { exitCodeOf, reportError } from "./report.ts";
import { applySettings } from "./settings.ts";
import { readVersion } from "./version.ts";

/** Runs the command line. The only place that catches errors and sets the exit status; it never
 *  calls `process.exit`, which would cut off what is still being written. */
export async function main(argv: readonly string[]): Promise<void> {
  const request = await readRequest(argv.slice(2));
  const { seen } = request;
  const interrupts = new Interrupts(() => streams.ui.restore());
  const streams = openStreams({
    level: levelOf(seen),
    noColor: seen.has("color"),
    env: process.env,
    onOutputLost: (error) => interrupts.outputLost(error),
  });
  let completed = false;
  try {
    await execute(request, streams, interrupts.signal);
    completed = true;
    if (!request.called?.command.untilStopped) interrupts.signal.throwIfAborted();
  } catch (thrown) {
    if (isHelpShown(thrown)) return;
    const error = isAbort(thrown)
      ? (interrupts.signal.reason ?? thrown)
      : fromCommander(thrown, { called: request.called?.name, word: request.name });
    process.exitCode = exitCodeOf(error);
    // A command that was stopped and yet completed has printed its document.
    const json = !completed && (seen.has("json") || seen.has("ndjson"));
    await reportError(error, streams, { json, verbose: seen.has("verbose") });
  } finally {
    interrupts.dispose();
  }
}

/** The command line before anything in it is checked. */
interface Request {
  /** The first word, whether or not it is a command. */
  readonly name: string | undefined;
  readonly called: { readonly name: string; readonly command: Command } | undefined;
  /** Arguments for commander. */
  readonly args: readonly string[];
  /** Options that occur; output is set up by them before commander can object to others. */
  readonly seen: ReadonlySet<OptionKey>;
}

async function readRequest(words: readonly string[]): Promise<Request> {
  const { command: name, args: rawArgs } = splitCommand(words);
  const entry = COMMANDS.find((command) => command.name === name);
  const called = entry && { name: entry.name, command: await entry.load() };
  const { args, seen } = normalizeArgs(
    rawArgs,
    called ? optionKeys(called.command) : GLOBAL_OPTIONS,
  );
  // Behind a word that is no command, --help would hide that.
  if (name !== undefined) return { name, called, args: called ? [name, ...args] : [name], seen };
  return { name, called, args: args.length > 0 ? args : ["--help"], seen };
}

/** A command reads the options that it picked; commander holds no others. */
type AnyOptions = OptionValues<OptionKey>;

async function execute(request: Request, streams: Streams, signal: AbortSignal): Promise<void> {
  const { out } = streams;
  const program = buildProgram({
    version: readVersion(),
    commands: COMMANDS,
    called: request.called,
    write: (text) => void out.line(text.trimEnd()),
    width: out.terminal.width,
    color: out.terminal.color,
    act: async (parsed, command, [argument, second]) => {
      await allowNativeBuilds();
      const where = { env: process.env, cwd: process.cwd() };
      const origins = await applySettings(parsed, optionKeys(command), where);
      const context = { ...streams, signal, origins, help: () => parsed.helpInformation() };
      await command.run(context, Object.freeze(parsed.opts<AnyOptions>()), argument, second);
    },
  });
  await program.parseAsync(request.args, { from: "user" });
}

/** Imported here, where a command runs: help and version start without it. */
async function allowNativeBuilds(): Promise<void> {
  const [{ nativeBuildsDir }, { useNativeBuilds }] = await Promise.all([
    import("../config/hub.ts"),
    import("../engine/load-addon.ts"),
  ]);
  useNativeBuilds(nativeBuildsDir(process.env));
}

function isAbort(thrown: unknown): boolean {
  return (
    thrown instanceof CancelledError || (thrown instanceof Error && thrown.name === "AbortError")
  );
}

function levelOf(seen: ReadonlySet<OptionKey>): Level {
  if (seen.has("verbose")) return "debug";
  return seen.has("quiet") ? "error" : "info";
}
