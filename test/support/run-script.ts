import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const SCRIPTS = fileURLToPath(new URL("../../scripts/", import.meta.url));

/** Imports one of scripts/, which are plain JavaScript: the caller says what it exports. */
export async function importScript<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(SCRIPTS, name)).href)) as T;
}

/** Runs one of scripts/ as `npm test` does; stdout and stderr come back as one text. */
export function runScript(name: string, args: readonly string[]): { status: number; text: string } {
  const result = spawnSync(process.execPath, [join(SCRIPTS, name), ...args], { encoding: "utf8" });
  if (result.error) throw result.error;
  return { status: result.status ?? -1, text: result.stdout + result.stderr };
}

/** A temporary directory with the given files (path: text); dispose removes it. */
export function fileTree(files: Readonly<Record<string, string>>): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "bitnet-test-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
