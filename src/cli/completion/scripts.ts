import type { CommandWords } from "./words.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

const ROOT_FLAGS = ["--help", "--version", "--quiet", "--verbose", "--no-color"];
const HELP_COMMAND = { name: "help", summary: "explain a command" };

/** The script that teaches a shell our commands and options. */
export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  return SCRIPTS[shell](commands);
}

const SCRIPTS: Readonly<Record<Shell, (commands: readonly CommandWords[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(commands: readonly CommandWords[]): string {
  const names = commands.map(({ name }) => name);
  return lines(
    "# bash completion of bitnet: source this, or save it as ~/.local/share/bash-completion/completions/bitnet",
    "_bitnet() {",
    "  local cur=$2 prev=$3 command= word words=",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash's
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    `    case $word in ${[...names, "help"].join("|")}) command=$word; break ;; esac`,
    "  done",
    "  COMPREPLY=()",
    ...valueCases(commands).map((line) => `  ${line}`),
    "  case $command in",
    `    "") words=${quote([...names, "help", ...ROOT_FLAGS].join(" "))} ;;`,
    ...commands.map(({ name, flags }) => {
      return `    ${name}) words=${quote(flags.flatMap((flag) => flag.names).join(" "))} ;;`;
    }),
    "  esac",
    "  # Behind a command, what is no flag is one of a few words, or a file, which the shell completes.",
    "  if [[ -n $command && $cur != -* ]]; then",
    "    case $command in",
    `      help) words=${quote(names.join(" "))} ;;`,
    ...commands.map(({ name, choices }) => `      ${name}) words=${quote(choices.join(" "))} ;;`),
    "    esac",
    "  fi",
    '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    "}",
    "complete -o default -F _bitnet bitnet",
  );
}

/** The values of the flag before the cursor, in bash and in zsh. */
function valueCases(commands: readonly CommandWords[]): readonly string[] {
  const cases = commands.flatMap(({ name, flags }) =>
    flags.flatMap(({ names, takesValue, choices }) => {
      if (!takesValue) return [];
      const patterns = names.map((flag) => quote(`${name} ${flag}`)).join("|");
      const offer =
        choices.length === 0
          ? "return"
          : `COMPREPLY=($(compgen -W ${quote(choices.join(" "))} -- "$cur")); return`;
      return [`  ${patterns}) ${offer} ;;`];
    }),
  );
  return ['case "$command $prev" in', ...cases, "esac"];
}

function zshScript(commands: readonly CommandWords[]): string {
  return lines(
    "#compdef bitnet",
    "# zsh completion of bitnet: save it as _bitnet in a folder of $fpath, or source it after compinit",
    "_bitnet() {",
    "  local -a commands",
    "  commands=(",
    ...[...commands, HELP_COMMAND].map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`),
    "  )",
    "  # Flags of all commands may stand before the command.",
    "  while (( CURRENT > 2 )) && [[ $words[2] == -* ]]; do shift words; (( CURRENT-- )); done",
    "  if (( CURRENT == 2 )); then",
    `    if [[ $PREFIX == -* ]]; then compadd -- ${ROOT_FLAGS.join(" ")}; else _describe command commands; fi`,
    "    return",
    "  fi",
    "  shift words; (( CURRENT-- ))",
    "  case $words[1] in",
    "    help) _describe command commands ;;",
    ...commands.flatMap(({ name, choices, flags }) => [
      `    ${name})`,
      "      _arguments -S \\",
      ...flags.flatMap((flag) => flag.names.map((one) => `        ${zshFlag(one, flag)} \\`)),
      ...(choices.length > 0 ? [`        ${quote(`1:value:(${choices.join(" ")})`)} \\`] : []),
      "        '*:file:_files' ;;",
    ]),
    "  esac",
    "}",
    "# From $fpath this is the body of the function, called for the first completion.",
    "if [[ $funcstack[1] == _bitnet ]]; then _bitnet; else compdef _bitnet bitnet; fi",
  );
}

function zshFlag(
  name: string,
  { help, takesValue, choices }: CommandWords["flags"][number],
): string {
  const says = help.replace(/[[\]:\\]/g, "\\$&");
  const action = choices.length > 0 ? `(${choices.join(" ")})` : "_files";
  return quote(`*${name}[${says}]${takesValue ? `:value:${action}` : ""}`);
}

function fishScript(commands: readonly CommandWords[]): string {
  return lines(
    "# fish completion of bitnet: save it as ~/.config/fish/completions/bitnet.fish",
    ...[...commands, HELP_COMMAND].map(({ name, summary }) => {
      return `complete -c bitnet -n __fish_use_subcommand -f -a ${name} -d ${quote(summary)}`;
    }),
    ...ROOT_FLAGS.map(
      (flag) => `complete -c bitnet -n __fish_use_subcommand -f -l ${flag.slice(2)}`,
    ),
    ...[...commands, { name: "help", choices: commands.map(({ name }) => name) }].flatMap(
      ({ name, choices }) => {
        if (choices.length === 0) return [];
        const here = quote(`__fish_seen_subcommand_from ${name}`);
        return [`complete -c bitnet -n ${here} -f -a ${quote(choices.join(" "))}`];
      },
    ),
    ...commands.flatMap(({ name, flags }) =>
      flags.map(({ names, help, takesValue, choices }) => {
        const values = choices.length > 0 ? `-x -a ${quote(choices.join(" "))}` : "-r";
        return [
          `complete -c bitnet -n '__fish_seen_subcommand_from ${name}'`,
          ...names.map(fishName),
          ...(takesValue ? [values] : []),
          `-d ${quote(help)}`,
        ].join(" ");
      }),
    ),
  );
}

/** `--top-k`, `-n`, and the single-dash words of bitnet.cpp (`-cnv`). */
function fishName(flag: string): string {
  if (flag.startsWith("--")) return `-l ${flag.slice(2)}`;
  return flag.length === 2 ? `-s ${flag.slice(1)}` : `-o ${flag.slice(1)}`;
}

/** For every shell of the three: fish, too, knows a quote inside quotes by a backslash outside. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function lines(...all: readonly string[]): string {
  return all.join("\n");
}
