import { flagNames, GLOBAL_OPTIONS, longFlag, OPTIONS, type OptionKey } from "./options.ts";

/** What one spelling on the command line stands for. */
interface Flag {
  readonly key: OptionKey;
  /** The spelling that commander knows. */
  readonly canonical: string;
  readonly takesValue: boolean;
}

export interface NormalArgs {
  /** The same arguments in spellings that commander understands, values apart from flags. */
  readonly args: readonly string[];
  /** Keys of the options that occur, found without checking any value. */
  readonly seen: ReadonlySet<OptionKey>;
}

/** Rewrites what commander has no notion of, knowing which options take a value, so that a value
 *  is never taken for a flag:
 *  - single-dash long flags of bitnet.cpp and llama.cpp: `-cnv`, `-temp 0.5`, `-temp=0.5`
 *  - aliases: `--temp`
 *  - a value after a short flag: `-n=5`, `-n5` */
export function normalizeArgs(args: readonly string[], keys: readonly OptionKey[]): NormalArgs {
  const flags = indexFlags(keys);
  const seen = new Set<OptionKey>();
  const result: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") return { args: [...result, arg, ...rest], seen };
    const words = expand(arg, flags);
    for (const { flag } of words) if (flag) seen.add(flag.key);
    result.push(...words.map(({ word }) => word));
    const last = words.at(-1)?.flag;
    const value = last?.takesValue ? rest.shift() : undefined;
    if (value !== undefined) result.push(value);
  }
  return { args: result, seen };
}

/** A word for commander; `flag` is set when the word is a flag whose value, if it takes one, has
 *  not come yet. */
interface Word {
  readonly word: string;
  readonly flag?: Flag;
}

function expand(arg: string, flags: ReadonlyMap<string, Flag>): readonly Word[] {
  if (!arg.startsWith("-") || arg === "-") return [{ word: arg }];
  const equals = arg.indexOf("=");
  const name = equals < 0 ? arg : arg.slice(0, equals);
  const flag = flags.get(name);
  if (flag === undefined) return arg.startsWith("--") ? [{ word: arg }] : expandCluster(arg, flags);
  if (equals < 0) return [{ word: flag.canonical, flag }];
  return withValue(flag, arg.slice(equals + 1));
}

/** `-vn5`: flags of one letter, the last of which may take the rest as its value. */
function expandCluster(arg: string, flags: ReadonlyMap<string, Flag>): readonly Word[] {
  const words: Word[] = [];
  for (let i = 1; i < arg.length; i += 1) {
    const flag = flags.get(`-${arg[i]}`);
    const rest = arg.slice(i + 1);
    if (flag === undefined) return [...words, { word: `-${arg.slice(i)}` }];
    if (flag.takesValue && rest !== "") return [...words, ...withValue(flag, rest)];
    words.push({ word: flag.canonical, flag });
  }
  return words;
}

/** A flag that takes no value keeps it, so that commander can object. */
function withValue(flag: Flag, value: string): readonly Word[] {
  if (!flag.takesValue) return [{ word: `${longOf(flag)}=${value}` }];
  return [{ word: flag.canonical, flag: { ...flag, takesValue: false } }, { word: value }];
}

function longOf(flag: Flag): string {
  return longFlag(OPTIONS[flag.key].flags);
}

function indexFlags(keys: readonly OptionKey[]): ReadonlyMap<string, Flag> {
  const index = new Map<string, Flag>();
  for (const key of keys) {
    const spec: { flags: string; aliases?: readonly string[] } = OPTIONS[key];
    const takesValue = spec.flags.includes("<");
    for (const name of [...flagNames(spec.flags), ...(spec.aliases ?? [])]) {
      if (index.has(name)) continue; // a command's own options come before those of all commands
      const known = isPlainFlag(name) && !spec.aliases?.includes(name);
      index.set(name, { key, canonical: known ? name : longFlag(spec.flags), takesValue });
    }
  }
  return index;
}

/** Whether commander accepts the spelling: `-n` and `--n-predict`, but not `-cnv`. */
export function isPlainFlag(name: string): boolean {
  return name.startsWith("--") || name.length === 2;
}

/** What may stand before the command, and what it is called behind it: there a single letter may be
 *  another option. */
const LEADING: ReadonlyMap<string, string> = new Map([
  ...GLOBAL_OPTIONS.flatMap((key) => {
    const { flags } = OPTIONS[key];
    return flagNames(flags).map((name) => [name, longFlag(flags)] as const);
  }),
  ...["-h", "--help", "-V", "--version"].map((name) => [name, name] as const),
]);

/** The command and its arguments. Options that stand before the command are moved behind it, and
 *  `help run` is read as `run --help`. */
export function splitCommand(args: readonly string[]): {
  readonly command: string | undefined;
  readonly args: readonly string[];
} {
  if (args[0] === "--") return splitCommand(args.slice(1)); // as npx and npm scripts leave it
  const at = args.findIndex((arg) => !LEADING.has(arg));
  const command = args[at];
  if (command === undefined || command.startsWith("-")) return { command: undefined, args };
  const before = args.slice(0, at).map((arg) => LEADING.get(arg) ?? arg);
  const others = [...before, ...args.slice(at + 1)];
  if (command !== "help") return { command, args: others };
  const subject = others.find((arg) => !arg.startsWith("-"));
  return { command: subject, args: ["--help"] };
}
