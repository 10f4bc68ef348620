import { readFile, rm, writeFile } from "node:fs/promises";
import { UsageError } from "../errors.ts";
import { errorCode, fileError } from "../gguf/files.ts";

/** Keeps other processes from writing to a file, by a file beside it with our process id; gives the way
 *  to take that away. What a killed process left is replaced.
 *  @throws {UsageError}    a process that lives has locked it
 *  @throws {NotFoundError} the folder is missing or cannot be written to */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const lock = `${path}.lock`;
  for (;;) {
    const taken = await writeFile(lock, `${process.pid}\n`, { flag: "wx" }).then(
      () => false,
      (error: unknown) => {
        if (errorCode(error) === "EEXIST") return true;
        throw fileError(error, "write", path);
      },
    );
    if (!taken) return () => rm(lock, { force: true });
    const pid = await ownerOf(lock);
    if (pid !== undefined && isAlive(pid)) {
      throw new UsageError(`process ${pid} is writing to ${path}`, {
        hint: `wait for it; if it is something else, remove ${lock}`,
      });
    }
    await rm(lock, { force: true });
  }
}

/** Undefined where nobody's id is in it. */
async function ownerOf(lock: string): Promise<number | undefined> {
  const text = await readFile(lock, "utf8").catch(() => "");
  return Number(text) || undefined;
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}
