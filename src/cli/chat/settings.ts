import { UsageError } from "../../errors.ts";
import { OPTIONS, type OptionKey, type OptionSpec } from "../options.ts";

/** Options that `/set` changes while a chat goes on. */
const KEYS = [
  "nPredict",
  "temperature",
  "topK",
  "topP",
  "minP",
  "repeatPenalty",
  "repeatLastN",
  "frequencyPenalty",
  "presencePenalty",
  "seed",
] as const satisfies readonly OptionKey[];
type SettingKey = (typeof KEYS)[number];

/** Their values. */
export type ChatSettings = { [K in Exclude<SettingKey, "seed">]: number } & {
  /** Undefined: random. */
  seed: number | undefined;
};

/** A name as people type it: `top-k`. */
export function settingName(key: SettingKey): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export const SETTING_NAMES: readonly string[] = KEYS.map(settingName);

/** One line per setting: name, value, what it means. */
export function settingRows(settings: ChatSettings): string[][] {
  return KEYS.map((key) => {
    const spec: OptionSpec = OPTIONS[key];
    return [settingName(key), String(settings[key] ?? spec.fallbackText), spec.help];
  });
}

/** Applies `temperature 0.5` or `top-k=40`, with any spelling that the command line knows.
 *  @returns what was done, in words
 *  @throws {UsageError} no such setting, or not such a value */
export function changeSetting(settings: ChatSettings, text: string): string {
  const [, name = "", value = ""] = /^-*([\w-]+)[\s=]*(.*)$/.exec(text.trim()) ?? [];
  const key = KEYS.find((candidate) => spellings(candidate).includes(name));
  if (key === undefined) {
    throw new UsageError(`no setting "${name || text}"`, { hint: "/set lists them" });
  }
  const { type }: OptionSpec = OPTIONS[key];
  const parsed = type?.parse(value);
  if (typeof parsed !== "number") {
    throw new UsageError(`${settingName(key)} expects ${type?.expected}, got "${value}"`);
  }
  settings[key] = parsed;
  return `${settingName(key)} is ${parsed}`;
}

function spellings(key: SettingKey): readonly string[] {
  const { flags, aliases = [] }: OptionSpec = OPTIONS[key];
  const words = [...flags.split(/[ ,]+/), ...aliases].filter((word) => word.startsWith("-"));
  return [...words.map((word) => word.replace(/^-+/, "")), settingName(key), key];
}
