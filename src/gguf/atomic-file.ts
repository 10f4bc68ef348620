import { rmSync } from "node:fs";
import { type FileHandle, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { BitnetError, ResourceError, UsageError } from "../errors.ts";
import { errorCode, fileError } from "./files.ts";

/** Left alone while it is younger than this: its writer may live in another process namespace. */
const STALE_AFTER_MS = 60_000;

/** A file that appears under its name only when it is complete. Until then it is a hidden temporary
 *  file in the same folder; an error, `abort` or the end of the process removes that. */
export class AtomicFile {
  readonly path: string;
  /** Bytes written so far. */
  position = 0;
  readonly #handle: FileHandle;
  readonly #temporary: string;
  readonly #expectedBytes: number;
  readonly #removeOnExit: () => void;

  private constructor(path: string, temporary: string, handle: FileHandle, expectedBytes: number) {
    this.path = path;
    this.#handle = handle;
    this.#temporary = temporary;
    this.#expectedBytes = expectedBytes;
    this.#removeOnExit = () => rmSync(temporary, { force: true });
    process.once("exit", this.#removeOnExit);
  }

  /** @throws {ResourceError} fewer than `expectedBytes` are free on the disk
   *  @throws {NotFoundError} the folder is missing or cannot be written to
   *  @throws {UsageError} the target is a folder or a device: renaming would replace it */
  static async create(target: string, expectedBytes: number): Promise<AtomicFile> {
    const path = resolve(target);
    const folder = dirname(path);
    const temporary = join(folder, `${prefix(path)}${process.pid}-${Date.now().toString(36)}.tmp`);
    try {
      await refuseSpecial(path);
      await removeStale(path);
      await checkSpace(folder, expectedBytes);
      const handle = await open(temporary, "wx");
      return new AtomicFile(path, temporary, handle, expectedBytes);
    } catch (error) {
      throw error instanceof BitnetError ? error : fileError(error, "write", path);
    }
  }

  /** Appends all of `bytes`.
   *  @throws {ResourceError} the disk is full */
  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done);
        done += bytesWritten;
        this.position += bytesWritten;
      }
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** Forces everything to the disk, then gives the file its name, replacing an older one. */
  async commit(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#temporary, this.path);
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw await this.#explain(error);
    }
    process.removeListener("exit", this.#removeOnExit);
  }

  /** Removes the temporary file. Harmless after an error, and never fails itself. */
  async abort(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#temporary, { force: true }).catch(() => undefined);
    process.removeListener("exit", this.#removeOnExit);
  }

  async #explain(error: unknown): Promise<unknown> {
    const code = errorCode(error);
    if (code !== "ENOSPC" && code !== "EDQUOT") return fileError(error, "write", this.path);
    const left = Math.max(0, this.#expectedBytes - this.position);
    const free = code === "EDQUOT" ? 0 : ((await freeBytes(dirname(this.path))) ?? 0);
    return spaceError(this.path, left, free, error);
  }
}

async function refuseSpecial(path: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing && !existing.isFile()) throw new UsageError(`${path} is not a regular file`);
}

function prefix(path: string): string {
  return `.${basename(path)}.`;
}

async function checkSpace(folder: string, neededBytes: number): Promise<void> {
  const free = await freeBytes(folder);
  if (free !== undefined && free < neededBytes) throw spaceError(folder, neededBytes, free);
}

/** Undefined where the file system does not tell. */
async function freeBytes(folder: string): Promise<number | undefined> {
  const { bavail, bsize, blocks } = await statfs(folder);
  return blocks === 0 ? undefined : bavail * bsize;
}

function spaceError(path: string, needed: number, free: number, cause?: unknown): ResourceError {
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  return new ResourceError(
    `disk is full: ${path} needs ${megabytes(needed)} more, ${megabytes(free)} available`,
    { hint: "free some space or write to another disk", cause },
  );
}

/** Removes temporary files of this target whose process was killed before it could do so. */
async function removeStale(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    const match = name.startsWith(prefix(path)) && /\.(\d+)-[0-9a-z]+\.tmp$/.exec(name);
    if (!match || isAlive(Number(match[1]))) continue;
    const file = join(folder, name);
    const age = await stat(file).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > STALE_AFTER_MS) await rm(file, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/** Makes the rename itself durable; folders cannot be opened on Windows, and need not be. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
