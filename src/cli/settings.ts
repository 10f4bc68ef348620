import type { Command as Commander } from "commander";
import type { LoadOptions, Setting, SettingsSchema } from "../config/load.ts";
import { loadSettings } from "../config/load.ts";
import { envName, longFlag, OPTIONS, type OptionKey, type OptionSpec } from "./options.ts";

/** Where a value comes from: a flag, `BITNET_THREADS`, `bitnet.config.json:3`, `default`. */
export type Origins = Readonly<Partial<Record<OptionKey, string>>>;

/** The options that may stand in configuration files and in the environment. */
export const SETTINGS: SettingsSchema = new Map(
  (Object.entries(OPTIONS) as [OptionKey, OptionSpec][])
    .filter(([, spec]) => spec.setting)
    .map(([key, spec]) => [
      key,
      {
        env: envName(spec.flags),
        type: spec.type,
        repeatable: spec.repeatable ?? false,
        path: spec.path ?? false,
      },
    ]),
);

/** Puts what files and environment say under the flags of the parsed command.
 *  @throws {ConfigError} a configuration file is not valid
 *  @throws {UsageError}  an environment variable is not valid */
export async function applySettings(
  parsed: Commander,
  keys: readonly OptionKey[],
  where: LoadOptions,
): Promise<Origins> {
  const settings = await loadSettings(SETTINGS, where);
  const origins: Partial<Record<OptionKey, string>> = {};
  for (const key of keys) {
    const source = parsed.getOptionValueSource(key);
    const { listOf }: OptionSpec = OPTIONS[key];
    const setting = settings.get(listOf ?? key);
    const isSet = source !== undefined && source !== "default";
    if (!isSet && setting) {
      const value = listOf === undefined ? setting.value : [setting.value];
      parsed.setOptionValueWithSource(key, value, setting.source);
    }
    origins[key] = isSet ? longFlag(OPTIONS[key].flags) : (setting?.origin ?? DEFAULT_ORIGIN);
  }
  return origins;
}

export const DEFAULT_ORIGIN = "default";

/** One line of `info --config`. */
export interface SettingReport {
  readonly key: OptionKey;
  /** Undefined where the default is not a constant; see `fallbackText`. */
  readonly value: unknown;
  readonly fallbackText: string | undefined;
  readonly origin: string;
}

/** Every setting as it stands without flags.
 *  @throws as `applySettings` */
export async function reportSettings(where: LoadOptions): Promise<readonly SettingReport[]> {
  const settings: ReadonlyMap<string, Setting> = await loadSettings(SETTINGS, where);
  return [...SETTINGS.keys()].map((name) => {
    const key = name as OptionKey;
    const spec: OptionSpec = OPTIONS[key];
    const setting = settings.get(key);
    return {
      key,
      value: setting ? setting.value : spec.fallback,
      fallbackText: spec.fallbackText,
      origin: setting?.origin ?? DEFAULT_ORIGIN,
    };
  });
}
