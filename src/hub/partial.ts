import { createHash } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

// A download in progress is a file <blob>.<machine>-<process>.incomplete beside the blob. It belongs to
// one process: two that fetch the same file do not disturb one another, and no lock can be left behind.
// What a dead process left is taken over by renaming it, which only one can.

/** After so long without a byte the writer is dead, whatever machine it ran on: see STALL_MS. */
const STALE_AFTER_MS = 5 * 60_000;

const MACHINE = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
const SUFFIX = /\.([0-9a-f]{8})-(\d+)\.incomplete$/;

/** Path of this process's own partial file. */
export function partialPath(blob: string): string {
  return `${blob}.${MACHINE}-${process.pid}.incomplete`;
}

/** Bytes that an earlier attempt left of this blob and that can be taken over. */
export async function leftoverBytes(blob: string): Promise<number> {
  const [largest] = await leftovers(blob);
  return largest?.bytes ?? 0;
}

/** Makes what an earlier attempt left this process's own; removes what else is left. */
export async function adoptLeftover(blob: string): Promise<void> {
  const own = partialPath(blob);
  let adopted = await isThere(own);
  for (const { path } of await leftovers(blob)) {
    if (path === own) continue;
    if (adopted) await rm(path, { force: true });
    else
      adopted = await rename(path, own).then(
        () => true,
        () => false,
      );
  }
}

interface Leftover {
  readonly path: string;
  readonly bytes: number;
}

/** The largest first. */
async function leftovers(blob: string): Promise<readonly Leftover[]> {
  const folder = dirname(blob);
  const found: Leftover[] = [];
  for (const name of await readdir(folder).catch((): string[] => [])) {
    const match = SUFFIX.exec(name);
    if (!match || name.slice(0, match.index) !== basename(blob)) continue;
    const path = join(folder, name);
    const file = await stat(path).catch(() => undefined);
    if (!file) continue;
    const idle = Date.now() - file.mtimeMs > STALE_AFTER_MS;
    const mine = Number(match[2]) === process.pid;
    const dead = match[1] === MACHINE && (mine || !isAlive(Number(match[2])));
    if (idle || dead) found.push({ path, bytes: file.size });
  }
  return found.sort((a, b) => b.bytes - a.bytes);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
