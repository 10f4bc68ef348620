import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";

/**
 * Files under `dir` (recursively) whose name ends in one of `suffixes`, sorted, as paths relative
 * to `root` with forward slashes. A missing directory has no files.
 * @param {string} root
 * @param {string} dir
 * @param {readonly string[]} suffixes
 * @returns {string[]}
 */
export function listFiles(root, dir, suffixes) {
  /** @type {string[]} */
  const found = [];
  /** @param {string} folder */
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (suffixes.some((suffix) => entry.name.endsWith(suffix))) {
        found.push(relative(root, path).split(sep).join("/"));
      }
    }
  };
  try {
    walk(join(root, dir));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ENOENT") throw error;
  }
  return found.sort();
}
