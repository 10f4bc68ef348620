import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Env, homeDir, hubCacheDir, hubHome } from "./paths.ts";
import { BOOLEAN } from "./values.ts";

const DEFAULT_ENDPOINT = "https://huggingface.co";

/** How the hub is reached, by the variables that other tools read, too.
 *  @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables */
export interface HubSettings {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly cacheDir: string;
  /** Use what is in the cache, and no network. */
  readonly offline: boolean;
}

export function hubSettings(env: Env): HubSettings {
  return {
    endpoint: (env["HF_ENDPOINT"] || DEFAULT_ENDPOINT).replace(/\/+$/, ""),
    token: readToken(env),
    cacheDir: hubCacheDir(env),
    offline: isSet(env["HF_HUB_OFFLINE"]) || isSet(env["TRANSFORMERS_OFFLINE"]),
  };
}

/** Of the environment, else what `hf auth login` stored. */
function readToken(env: Env): string | undefined {
  const given = env["HF_TOKEN"] || env["HUGGING_FACE_HUB_TOKEN"];
  if (given) return given.trim();
  if (isSet(env["HF_HUB_DISABLE_IMPLICIT_TOKEN"])) return undefined;
  try {
    return (
      readFileSync(env["HF_TOKEN_PATH"] || join(hubHome(env), "token"), "utf8").trim() || undefined
    );
  } catch {
    return undefined;
  }
}

function isSet(value: string | undefined): boolean {
  return BOOLEAN.parse(value ?? "") === true;
}

/** Where this program keeps what it can make again: converted models, native kernels, times of use. */
export function cacheDir(env: Env, platform: NodeJS.Platform = process.platform): string {
  const windows = platform === "win32" ? env["LOCALAPPDATA"] : undefined;
  return join(env["XDG_CACHE_HOME"] || windows || join(homeDir(), ".cache"), "bitnet");
}

/** Where `bitnet setup --native` keeps kernels for this CPU. */
export function nativeBuildsDir(env: Env): string {
  return join(cacheDir(env), "native");
}
