import { UsageError } from "../errors.ts";
import { readConfigFile } from "./file.ts";
import { type Env, findProjectConfig, userConfigFile } from "./paths.ts";
import { BOOLEAN, type ValueType } from "./values.ts";

/** A setting as configuration files and the environment see it. */
export interface SettingSpec {
  /** Environment variable. */
  readonly env: string;
  /** Undefined for a flag (true or false). */
  readonly type: ValueType<unknown> | undefined;
  /** A list: an array in a file; one item in the environment. */
  readonly repeatable: boolean;
  /** A relative path in a file is meant from the file's folder. */
  readonly path: boolean;
}

/** Settings by key; the keys are those of the configuration files. */
export type SettingsSchema = ReadonlyMap<string, SettingSpec>;

export interface Setting {
  readonly value: unknown;
  /** In commander's words. */
  readonly source: "config" | "env";
  /** Where exactly: `bitnet.config.json:3` or `BITNET_THREADS`. */
  readonly origin: string;
}

export interface LoadOptions {
  readonly env: Env;
  readonly cwd: string;
}

/** What stands below the command line: environment > project file > user file. The caller puts
 *  flags above it, the model's own hints and built-in defaults below it.
 *  @throws {ConfigError} a file is not valid
 *  @throws {UsageError}  a variable is not valid */
export async function loadSettings(
  schema: SettingsSchema,
  { env, cwd }: LoadOptions,
): Promise<ReadonlyMap<string, Setting>> {
  const merged = new Map<string, Setting>();
  const layers = [
    await readIfThere(userConfigFile(env), schema, cwd),
    await readIfThere(await findProjectConfig(cwd), schema, cwd),
    readEnvironment(schema, env),
  ];
  for (const layer of layers) {
    for (const [key, setting] of layer) merged.set(key, setting);
  }
  return merged;
}

/** Where a part of the path is no directory, the file is not there either. */
const ABSENT: readonly (string | undefined)[] = ["ENOENT", "ENOTDIR"];

async function readIfThere(
  path: string | undefined,
  schema: SettingsSchema,
  cwd: string,
): Promise<ReadonlyMap<string, Setting>> {
  if (path === undefined) return new Map();
  return readConfigFile(path, schema, cwd).catch((error: Error) => {
    if (ABSENT.includes((error.cause as NodeJS.ErrnoException | undefined)?.code)) return new Map();
    throw error;
  });
}

function readEnvironment(schema: SettingsSchema, env: Env): ReadonlyMap<string, Setting> {
  const settings = new Map<string, Setting>();
  for (const [key, spec] of schema) {
    const text = env[spec.env];
    if (text === undefined || text === "") continue; // set to nothing is not set
    const type = spec.type ?? BOOLEAN;
    const value = type.parse(text);
    if (value === undefined) {
      throw new UsageError(`${spec.env} expects ${type.expected}, got "${text}"`, {
        hint: `unset ${spec.env}`,
      });
    }
    settings.set(key, {
      value: spec.repeatable ? [value] : value,
      source: "env",
      origin: spec.env,
    });
  }
  return settings;
}
