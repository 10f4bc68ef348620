import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { AddonError } from "../errors.ts";
import type { Addon } from "./binding.ts";
import { nativeBuildIn } from "./native-build.ts";

/** Where the addon may be, best first, relative to this file's folder in dist/ or src/. */
const CANDIDATES = ["../../build/Release/bitnet.node", "../../build/Debug/bitnet.node"];

let loaded: Addon | undefined;
let nativeFolder: string | undefined;
let forced: string | undefined;

/** Loads the native addon, once per process: a build for this CPU alone where there is one, else the
 *  one that comes with the package.
 *  @throws {AddonError} names every path tried and why it failed */
export function loadAddon(): Addon {
  loaded ??= load();
  return loaded;
}

/** Lets builds for this CPU be used that `bitnet setup --native` left in a folder. Before the first load. */
export function useNativeBuilds(folder: string): void {
  nativeFolder = folder;
}

/** Loads this file and no other. Before the first load. */
export function useAddon(path: string): void {
  forced = path;
}

/** The addon that comes with the package; undefined if it has not been built. */
export function packagedAddon(): string | undefined {
  return candidates().find((path) => existsSync(path));
}

/** Path of the addon that `loadAddon` tries first. */
export function preferredAddon(): string | undefined {
  return wanted().find((path) => existsSync(path));
}

function candidates(): readonly string[] {
  return CANDIDATES.map((candidate) => fileURLToPath(new URL(candidate, import.meta.url)));
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  const failures: string[] = [];
  for (const path of wanted()) {
    if (!existsSync(path)) {
      failures.push(`${path}: not there`);
      continue;
    }
    try {
      return require(path) as Addon;
    } catch (error) {
      failures.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new AddonError(`the native engine cannot be loaded\n  ${failures.join("\n  ")}`, {
    hint: "build it: npm run build:native (needs CMake and a C++20 compiler)",
  });
}

function wanted(): readonly string[] {
  if (forced !== undefined) return [forced];
  const packaged = packagedAddon();
  const own = nativeFolder && packaged ? nativeBuildIn(nativeFolder, packaged) : undefined;
  return own === undefined ? candidates() : [own, ...candidates()];
}
