import { Command as Commander, Option } from "commander";
import { UsageError } from "../errors.ts";
import { isPlainFlag } from "./argv.ts";
import type { Command, LazyCommand } from "./command.ts";
import {
  flagNames,
  GLOBAL_OPTIONS,
  longFlag,
  OPTIONS,
  type OptionKey,
  type OptionSpec,
} from "./options.ts";

export interface ProgramOptions {
  readonly version: string;
  readonly commands: readonly LazyCommand[];
  /** The command that was called, already imported; the others appear in the list only. */
  readonly called: { readonly name: string; readonly command: Command } | undefined;
  /** Receives the help and the version. */
  readonly write: (text: string) => void;
  /** Columns of the terminal that the help is written to. */
  readonly width: number;
  readonly color: boolean;
  /** Runs the called command, once its options are parsed. */
  readonly act: (
    parsed: Commander,
    command: Command,
    args: readonly (string | undefined)[],
  ) => Promise<void>;
}

/** Commander's own heading, under which --help stands. */
const DEFAULT_GROUP = "Options:";
const DESCRIPTION = "Run ternary (1.58-bit) language models on the CPU.";

/** Builds commander's program from our tables. It throws CommanderError and never exits. */
export function buildProgram(options: ProgramOptions): Commander {
  const program = new Commander("bitnet")
    .description(DESCRIPTION)
    .usage("<command> [options]")
    .version(options.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help; `bitnet <command> --help` tells more")
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: options.write,
      writeErr: () => undefined, // errors are formatted in main
      getOutHelpWidth: () => options.width,
      getOutHasColors: () => options.color,
    })
    .configureHelp({
      styleTitle: (title) => `\u001b[1m${title}\u001b[22m`,
      optionDescription: (option) => option.description, // with its default, see helpText
    });
  for (const key of GLOBAL_OPTIONS) addOption(program, key, { group: DEFAULT_GROUP });
  for (const entry of options.commands) {
    const child = program.createCommand(entry.name).summary(entry.summary);
    // Else a command built apart exits by itself and prints its own errors.
    child.copyInheritedSettings(program);
    if (entry.name === options.called?.name) describe(child, options.called.command, options.act);
    program.addCommand(child);
  }
  program.addHelpText("after", exampleText(ROOT_EXAMPLES));
  return program;
}

const ROOT_EXAMPLES = [
  { command: 'bitnet run -p "The capital of France is"', says: "generate text" },
  { command: "bitnet convert ./checkpoint -o model.gguf", says: "make a model file" },
  { command: "bitnet info model.gguf", says: "what is in it, what it needs" },
];

function describe(child: Commander, command: Command, act: ProgramOptions["act"]): void {
  const help = new Option("-h, --help", "print this help").helpGroup(`${OPTIONS.quiet.group}:`);
  child.description(command.description).addHelpOption(help);
  const args = [command.argument, command.secondArgument].filter((one) => one !== undefined);
  for (const { syntax, help: text } of args) child.argument(syntax, text);
  const own = new Set(command.options.flatMap((key) => flagNames(OPTIONS[key].flags)));
  for (const key of command.options) addOption(child, key, { changes: command.changes?.[key] });
  for (const key of GLOBAL_OPTIONS) addOption(child, key, { taken: own });
  child.addHelpText("after", exampleText(command.examples));
  child.action(async (...received: unknown[]) => {
    await act(child, command, received.slice(0, args.length) as (string | undefined)[]);
  });
}

interface AddOptions {
  /** Heading in the help, in place of the option's own. */
  readonly group?: string;
  /** Spellings that the command needs for something else. */
  readonly taken?: ReadonlySet<string>;
  /** What differs with the command. */
  readonly changes?: Partial<OptionSpec> | undefined;
}

function addOption(
  target: Commander,
  key: OptionKey,
  { group, taken, changes }: AddOptions = {},
): void {
  const spec: OptionSpec = { ...OPTIONS[key], ...changes };
  const heading = group ?? `${spec.group}:`;
  const flags = taken ? withoutFlags(spec.flags, taken) : spec.flags;
  const option = new Option(plainFlags(flags), helpText(spec)).helpGroup(heading);
  // The flag's own name, unless a flag means different things to different commands.
  option.attributeName = () => key;
  if (spec.fallback !== undefined) option.default(spec.fallback);
  if (spec.bare !== undefined) option.preset(spec.bare);
  const { type } = spec;
  if (type) {
    option.argParser((text: string, previous: unknown) => {
      const value = type.parse(text);
      if (value === undefined) throw badValue(spec, type.expected, text);
      return spec.repeatable ? [...(previous as unknown[]), value] : value;
    });
  }
  option.flags = flags; // the help shows the single-dash spellings too
  target.addOption(option);
  // A flag that a configuration file can set needs a way to take it back.
  if (spec.setting && !type)
    target.addOption(new Option(`--no-${longFlag(spec.flags).slice(2)}`).hideHelp());
}

/** Commander accepts one letter or two dashes; argv.ts rewrites the rest. */
function plainFlags(flags: string): string {
  const words = flags.split(/[ ,]+/);
  return words.filter((word) => !word.startsWith("-") || isPlainFlag(word)).join(" ");
}

/** `-q, --quiet` without `-q` is `--quiet`. */
function withoutFlags(flags: string, taken: ReadonlySet<string>): string {
  return flags
    .split(", ")
    .filter((one) => !taken.has(one))
    .join(", ");
}

function helpText(spec: OptionSpec): string {
  const constant = spec.type && !spec.repeatable ? spec.fallback : undefined;
  const fallback = spec.fallbackText ?? constant;
  return fallback === undefined ? spec.help : `${spec.help} (default: ${fallback})`;
}

function badValue(spec: OptionSpec, expected: string, text: string): UsageError {
  return new UsageError(`${longFlag(spec.flags)} expects ${expected}, got "${text}"`);
}

function exampleText(examples: Command["examples"]): string {
  const width = Math.max(0, ...examples.map(({ command }) => command.length));
  const lines = examples.map(({ command, says }) => `  ${command.padEnd(width)}  # ${says}`);
  return ["", "Examples:", ...lines].join("\n");
}
