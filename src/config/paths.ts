import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export type Env = Readonly<Record<string, string | undefined>>;

export const PROJECT_CONFIG = "bitnet.config.json";

/** Below a device nothing is, and nobody can make anything there. */
const NO_HOME = "/dev/null";

/** The user's home. In a container whose user nobody knows, or where HOME is empty, there is none:
 *  then nothing is read or left behind, least of all in the current folder. */
export function homeDir(): string {
  try {
    return homedir() || NO_HOME;
  } catch {
    return NO_HOME;
  }
}

/** Settings of the user, for all projects. @see https://specifications.freedesktop.org/basedir */
export function userConfigFile(env: Env, platform: NodeJS.Platform = process.platform): string {
  const windows = platform === "win32" ? env["APPDATA"] : undefined;
  const base = env["XDG_CONFIG_HOME"] || windows || join(homeDir(), ".config");
  return join(base, "bitnet", "config.json");
}

/** What the program remembers between runs: chats, typed lines.
 *  @see https://specifications.freedesktop.org/basedir */
export function userStateDir(env: Env, platform: NodeJS.Platform = process.platform): string {
  const windows = platform === "win32" ? env["LOCALAPPDATA"] : undefined;
  const base = env["XDG_STATE_HOME"] || windows || join(homeDir(), ".local", "state");
  return join(base, "bitnet");
}

/** What the program can make again, only slower. */
export function userCacheDir(env: Env, platform: NodeJS.Platform = process.platform): string {
  const windows = platform === "win32" ? env["LOCALAPPDATA"] : undefined;
  return join(env["XDG_CACHE_HOME"] || windows || join(homeDir(), ".cache"), "bitnet");
}

/** The nearest `bitnet.config.json` in `directory` or above it. */
export async function findProjectConfig(directory: string): Promise<string | undefined> {
  for (let at = directory; ; at = dirname(at)) {
    const candidate = join(at, PROJECT_CONFIG);
    if (await exists(candidate)) return candidate;
    if (at === dirname(at)) return undefined;
  }
}

/** Where models of the Hugging Face hub are cached, shared with other tools.
 *  @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables */
export function hubCacheDir(env: Env): string {
  return env["HF_HUB_CACHE"] || env["HUGGINGFACE_HUB_CACHE"] || join(hubHome(env), "hub");
}

export function hubHome(env: Env): string {
  const cache = env["XDG_CACHE_HOME"] || join(homeDir(), ".cache");
  return env["HF_HOME"] || join(cache, "huggingface");
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** What programs remember between runs. @see https://specifications.freedesktop.org/basedir */
export function stateDir(env: Env, platform: NodeJS.Platform = process.platform): string {
  const windows = platform === "win32" ? env["LOCALAPPDATA"] : undefined;
  const base = env["XDG_STATE_HOME"] || windows || join(homeDir(), ".local", "state");
  return join(base, "bitnet");
}
