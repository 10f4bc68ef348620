import type { Command as Commander } from "commander";
import type { LoadOptions, Setting, SettingsSchema } from "../config/load.ts";
import { loadSettings } from "../config/load.ts";
import {
  PROFILE_NAMES,
  type ProfileName,
  type ProfileSettings,
  profileSettings,
} from "../config/profiles.ts";
import { machineSize } from "./machine.ts";
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
  applyProfile(parsed, keys, origins);
  return origins;
}

/** A profile comes before built-in defaults and after everything that was set by itself. */
function applyProfile(
  parsed: Commander,
  keys: readonly OptionKey[],
  origins: Partial<Record<OptionKey, string>>,
): void {
  const name: unknown = keys.includes("profile") ? parsed.getOptionValue("profile") : undefined;
  const profile = PROFILE_NAMES.find((one) => one === name);
  if (profile === undefined) return;
  const settings = profileSettings(profile, machineSize());
  for (const [key, value] of Object.entries(settings) as [keyof ProfileSettings, unknown][]) {
    if (!keys.includes(key) || origins[key] !== DEFAULT_ORIGIN) continue;
    parsed.setOptionValueWithSource(key, value, "config");
    origins[key] = profileOrigin(profile);
  }
}

function profileOrigin(profile: ProfileName): string {
  return `--profile ${profile}`;
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

/** A value that stands below every setting, and where it comes from. */
export interface LowSetting {
  readonly value: unknown;
  readonly origin: string;
}

/** A secret is told to be there, and no more. */
function shown({ secret }: OptionSpec, value: unknown): unknown {
  return secret ? "***" : value;
}

/** Every setting as it stands without flags.
 *  @throws as `applySettings` */
export async function reportSettings(
  where: LoadOptions,
  tunedFor: (model: string | undefined) => Promise<ReadonlyMap<OptionKey, LowSetting>>,
): Promise<readonly SettingReport[]> {
  const settings: ReadonlyMap<string, Setting> = await loadSettings(SETTINGS, where);
  const tuned = await tunedFor(settings.get("model")?.value as string | undefined);
  const profile = PROFILE_NAMES.find((one) => one === settings.get("profile")?.value);
  const ofProfile: Readonly<Record<string, unknown>> = profile
    ? { ...profileSettings(profile, machineSize()) }
    : {};
  return [...SETTINGS.keys()].map((name) => {
    const key = name as OptionKey;
    const spec: OptionSpec = OPTIONS[key];
    const low =
      profile !== undefined && key in ofProfile
        ? { value: ofProfile[key], origin: profileOrigin(profile) }
        : tuned.get(key);
    const setting: LowSetting | undefined = settings.get(key) ?? low;
    return {
      key,
      value: setting ? shown(spec, setting.value) : spec.fallback,
      fallbackText: spec.fallbackText,
      origin: setting?.origin ?? DEFAULT_ORIGIN,
    };
  });
}
