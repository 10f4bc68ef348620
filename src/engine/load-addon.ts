import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { AddonError } from "../errors.ts";
import type { Addon } from "./binding.ts";

/** Where the addon may be, best first, relative to this file's folder in dist/ or src/. */
const CANDIDATES = ["../../build/Release/bitnet.node", "../../build/Debug/bitnet.node"];

let loaded: Addon | undefined;

/** Loads the native addon, once per process.
 *  @throws {AddonError} names every path tried and why it failed */
export function loadAddon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  const failures: string[] = [];
  for (const candidate of CANDIDATES) {
    const path = fileURLToPath(new URL(candidate, import.meta.url));
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
