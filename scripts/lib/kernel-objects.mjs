import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";

const KERNEL_SOURCE = /\/native\/kernels\/(?!dispatch\.)[^"]*\.cpp$/;

/**
 * Object files of the kernel sources, from the build's own record of its compilations.
 * @param {string} build
 * @returns {string[]}
 */
export function kernelObjects(build) {
  const database = join(build, "compile_commands.json");
  if (!existsSync(database)) return [];
  /** @type {{ file: string, directory: string, command: string, output?: string }[]} */
  const entries = JSON.parse(readFileSync(database, "utf8"));
  return entries
    .filter(({ file }) => KERNEL_SOURCE.test(file))
    .map(({ directory, command, output }) => {
      const object = output ?? / -o (\S+)/.exec(command)?.[1] ?? "";
      return isAbsolute(object) ? object : join(directory, object);
    });
}
