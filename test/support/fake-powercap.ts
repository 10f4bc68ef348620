import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** More than a test takes, so that it starts over once. */
const RANGE_UJ = 10_000_000_000;
const START = 0.999;

/** Keeps a counter of `watts` by the clock, starting over at its range. Renames, as a reader must
 *  never find half a number. */
const WRITER = `
  import { renameSync, writeFileSync } from "node:fs";
  const [file, watts, range, start] = process.argv.slice(1);
  const startedAt = performance.now();
  setInterval(() => {
    const uj = Number(start) + (performance.now() - startedAt) * 1000 * Number(watts);
    writeFileSync(file + ".new", Math.floor(uj % Number(range)) + "\\n");
    renameSync(file + ".new", file);
  }, 2);
`;

/** A powercap tree whose only package takes `watts`, kept up by a process of its own. Its counter
 *  starts over soon after the start. */
export function startFakePowercap(
  root: string,
  watts: number,
): { readonly root: string; [Symbol.dispose](): void } {
  const zone = join(root, "intel-rapl:0");
  const counter = join(zone, "energy_uj");
  mkdirSync(zone, { recursive: true });
  writeFileSync(join(zone, "name"), "package-0\n");
  writeFileSync(join(zone, "max_energy_range_uj"), `${RANGE_UJ}\n`);
  writeFileSync(counter, `${RANGE_UJ * START}\n`);
  const numbers = [watts, RANGE_UJ, RANGE_UJ * START].map(String);
  const args = ["--input-type=module", "-e", WRITER, counter, ...numbers];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  return { root, [Symbol.dispose]: () => void child.kill() };
}
