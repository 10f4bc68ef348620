import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import type { Setting, SettingSpec, SettingsSchema } from "./load.ts";
import { suggest } from "./suggest.ts";

/** Reads one configuration file: a flat JSON object whose keys are settings.
 *  @throws {ConfigError} not JSON, an unknown key, a value of the wrong type */
export async function readConfigFile(
  path: string,
  schema: SettingsSchema,
  cwd: string,
): Promise<ReadonlyMap<string, Setting>> {
  const file = { path, shown: shownPath(path, cwd), text: await readText(path) };
  const settings = new Map<string, Setting>();
  for (const [key, value] of Object.entries(parseObject(file))) {
    if (key === "$schema") continue; // lets editors complete the keys
    const spec = schema.get(key);
    if (spec === undefined) throw unknownKey(file, key, schema);
    const origin = `${file.shown}:${lineOfKey(file.text, key)}`;
    settings.set(key, { value: checkValue(key, value, spec, file), source: "config", origin });
  }
  return settings;
}

interface ConfigFile {
  readonly path: string;
  /** The path as messages show it. */
  readonly shown: string;
  readonly text: string;
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: Error) => {
    throw new ConfigError(`${path}: cannot be read: ${cause.message}`, { cause });
  });
}

function parseObject(file: ConfigFile): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(file.text);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new ConfigError(`${file.shown}:${lineOfSyntaxError(file.text, reason)}: not JSON`, {
      hint: reason,
    });
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
    return parsed as Record<string, unknown>;
  }
  throw new ConfigError(`${file.shown}:1: expected an object of settings, got ${show(parsed)}`, {
    hint: 'write settings as {"threads": 4}',
  });
}

function checkValue(key: string, value: unknown, spec: SettingSpec, file: ConfigFile): unknown {
  const fail = (expected: string): never => {
    const where = `${file.shown}:${lineOfKey(file.text, key)}`;
    throw new ConfigError(`${where}: "${key}" expects ${expected}, got ${show(value)}`);
  };
  const one = (item: unknown): unknown => {
    const scalar = typeof item === "string" || typeof item === "number";
    const parsed = scalar ? spec.type?.parse(String(item)) : undefined;
    return parsed ?? fail(spec.type?.expected ?? "");
  };
  if (spec.type === undefined) return typeof value === "boolean" ? value : fail("true or false");
  if (spec.repeatable) {
    return Array.isArray(value) ? value.map(one) : fail(`a list, each ${spec.type.expected}`);
  }
  const parsed = one(value);
  return spec.path ? fromFile(String(parsed), file.path) : parsed;
}

/** `./x` and `../x` are meant from the file's own folder, wherever the command is started. */
function fromFile(value: string, file: string): string {
  return /^\.\.?[\\/]/.test(value) ? resolve(dirname(file), value) : value;
}

function unknownKey(file: ConfigFile, key: string, schema: SettingsSchema): ConfigError {
  const near = suggest(key, schema.keys());
  const hint = near ? `did you mean "${near}"?` : `known keys: ${[...schema.keys()].join(", ")}`;
  return new ConfigError(`${file.shown}:${lineOfKey(file.text, key)}: unknown key "${key}"`, {
    hint,
  });
}

function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short.startsWith("..") || isAbsolute(short) ? path : short;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

function lineOfKey(text: string, key: string): number {
  const quoted = JSON.stringify(key).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return lineAt(text, text.search(new RegExp(`${quoted}\\s*:`)));
}

/** V8 says `at position 12`; for a file that ends too early it says nothing. */
function lineOfSyntaxError(text: string, reason: string): number {
  const position = /position (\d+)/.exec(reason)?.[1];
  return lineAt(text, position === undefined ? text.trimEnd().length : Number(position));
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, Math.max(0, offset)).split("\n").length;
}
