import { type LazyCommand, optionKeys } from "../command.ts";
import { flagNames, OPTIONS, type OptionSpec } from "../options.ts";

/** What a shell may offer behind a command. */
export interface CommandWords {
  readonly name: string;
  readonly summary: string;
  /** Values of the first argument, where they are few; else files are offered. */
  readonly choices: readonly string[];
  readonly flags: readonly FlagWords[];
}

export interface FlagWords {
  /** Every spelling that the help shows. */
  readonly names: readonly string[];
  readonly help: string;
  readonly takesValue: boolean;
  /** The values that there are, where they are few; else files are offered. */
  readonly choices: readonly string[];
}

const HELP: FlagWords = {
  names: ["-h", "--help"],
  help: "print the help",
  takesValue: false,
  choices: [],
};

/** The words of every command, from the table of options. */
export function commandWords(commands: readonly LazyCommand[]): Promise<readonly CommandWords[]> {
  return Promise.all(
    commands.map(async ({ name, summary, load }) => {
      const command = await load();
      const own = new Set(command.options.flatMap((key) => flagNames(OPTIONS[key].flags)));
      const flags = optionKeys(command).map((key) => {
        const spec: OptionSpec = OPTIONS[key];
        const isOwn = (command.options as readonly string[]).includes(key);
        const names = flagNames(spec.flags).filter((one) => isOwn || !own.has(one));
        return {
          names,
          help: spec.help,
          takesValue: spec.type !== undefined,
          choices: choicesOf(spec),
        };
      });
      return { name, summary, choices: command.argument?.choices ?? [], flags: [...flags, HELP] };
    }),
  );
}

/** Of a list with commas the shell completes the first. */
const CHOICES = /^(?:one|some) of (.*)$/;

function choicesOf({ type }: OptionSpec): readonly string[] {
  return CHOICES.exec(type?.expected ?? "")?.[1]?.split(", ") ?? [];
}
