// Large golden weights lie in the repository as *.gz.
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** @type {Map<string, string>} */
const expanded = new Map();

/** A folder as it is when its *.gz files are expanded: itself when it has none, else a copy that lives
 *  as long as the process.
 *  @param {string} folder @returns {string} */
export function expandFolder(folder) {
  const known = expanded.get(folder);
  if (known) return known;
  if (!statSync(folder).isDirectory()) return folder;
  const packed = readdirSync(folder).filter((name) => name.endsWith(".gz"));
  if (packed.length === 0) return folder;
  const parent = mkdtempSync(join(tmpdir(), "bitnet-golden-"));
  process.once("exit", () => rmSync(parent, { recursive: true, force: true }));
  const copy = join(parent, folder.split(/[\\/]/).at(-1) ?? "model");
  cpSync(folder, copy, { recursive: true });
  for (const name of packed) {
    const path = join(copy, name);
    writeFileSync(path.replace(/\.gz$/, ""), gunzipSync(readFileSync(path)));
    rmSync(path);
  }
  expanded.set(folder, copy);
  return copy;
}
