import type { Context } from "./context.ts";
import { GLOBAL_OPTIONS, type OptionKey, type OptionSpec, type OptionValues } from "./options.ts";

/** A sub-command as data; `run` parses nothing, calls one feature and prints. */
export interface Command<K extends OptionKey = OptionKey> {
  /** Sentences for the top of the help. */
  readonly description: string;
  /** Positional argument in commander's syntax: `<model>`, `[model]`. */
  readonly argument?: Argument;
  /** A further one behind it. */
  readonly secondArgument?: Argument;
  readonly options: readonly K[];
  /** What differs here from the options' own table. */
  readonly changes?: OptionChanges;
  readonly examples: readonly Example[];
  /** It runs until it is told to stop: a signal that it obeys is no failure. */
  readonly untilStopped?: true;
  run(
    context: Context,
    options: OptionValues<K>,
    argument: string | undefined,
    secondArgument: string | undefined,
  ): Promise<void>;
}

export interface Argument {
  readonly syntax: string;
  readonly help: string;
  /** What a shell may offer, where it is no file. */
  readonly choices?: readonly string[];
}

export type OptionChanges = Readonly<
  Partial<Record<OptionKey, Partial<Pick<OptionSpec, "help" | "fallback" | "fallbackText">>>>
>;

export interface Example {
  readonly command: string;
  readonly says: string;
}

/** A command in the list: cheap to show, imported when it is called. */
export interface LazyCommand {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Keeps the types of the options that the command picked. */
export function defineCommand<const K extends OptionKey>(command: Command<K>): Command {
  return command;
}

/** The command's own options and those that every command takes. */
export function optionKeys(command: Command): readonly OptionKey[] {
  return [...command.options, ...GLOBAL_OPTIONS];
}
