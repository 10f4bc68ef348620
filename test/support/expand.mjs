// Golden weights that compress well are stored as *.gz. Plain JavaScript, so that scripts can use it too.
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** Copies are kept from one run to the next: test processes end without notice. */
const CACHE = join(tmpdir(), "bitnet-golden");

/** A folder as it is when its *.gz files are expanded: itself when it has none, else a copy.
 *  @param {string} folder @param {string} [config] the file that stands for config.json
 *  @returns {string} */
export function expandFolder(folder, config = "config.json") {
  if (!statSync(folder).isDirectory()) return folder;
  const names = readdirSync(folder);
  const packed = names.filter((name) => name.endsWith(".gz"));
  if (packed.length === 0 && config === "config.json") return folder;
  const hash = createHash("sha256").update(`${folder} ${config}`);
  for (const name of names) {
    const path = join(folder, name);
    if (statSync(path).isFile()) hash.update(name).update(readFileSync(path));
  }
  const copy = join(CACHE, hash.digest("hex").slice(0, 16), folder.split(/[\\/]/).at(-1) ?? "");
  if (existsSync(copy)) return copy;
  mkdirSync(CACHE, { recursive: true });
  const fresh = mkdtempSync(join(CACHE, "new-"));
  cpSync(folder, fresh, { recursive: true });
  for (const name of packed) {
    writeFileSync(
      join(fresh, name.replace(/\.gz$/, "")),
      gunzipSync(readFileSync(join(fresh, name))),
    );
    rmSync(join(fresh, name));
  }
  if (config !== "config.json") cpSync(join(folder, config), join(fresh, "config.json"));
  mkdirSync(join(copy, ".."), { recursive: true });
  try {
    renameSync(fresh, copy);
  } catch (error) {
    // Another process was quicker.
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return copy;
}
