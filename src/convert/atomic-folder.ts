import { rmSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { BitnetError, UsageError } from "../errors.ts";
import { fileError } from "../gguf/files.ts";

/** A folder that appears under its name only when it is complete. Until then it is a hidden temporary
 *  folder beside it; an error, `abort` or the end of the process removes that. */
export class AtomicFolder {
  readonly path: string;
  /** Where to write until `commit`. */
  readonly temporary: string;
  readonly #removeOnExit: () => void;

  private constructor(path: string, temporary: string) {
    this.path = path;
    this.temporary = temporary;
    this.#removeOnExit = () => rmSync(temporary, { recursive: true, force: true });
    process.once("exit", this.#removeOnExit);
  }

  /** @throws {UsageError} something is there that is neither empty nor a checkpoint
   *  @throws {NotFoundError} the parent folder is missing or cannot be written to */
  static async create(target: string): Promise<AtomicFolder> {
    const path = resolve(target);
    const unique = `${process.pid}-${Date.now().toString(36)}`;
    const temporary = join(dirname(path), `.${basename(path)}.${unique}.tmp`);
    try {
      await refuseOthers(path);
      await mkdir(temporary);
      return new AtomicFolder(path, temporary);
    } catch (error) {
      throw error instanceof BitnetError ? error : fileError(error, "write", path);
    }
  }

  /** Gives the folder its name, replacing an older one. */
  async commit(): Promise<void> {
    const older = `${this.temporary}.old`;
    try {
      // A folder cannot be renamed over one that holds something.
      const isThere = await stat(this.path).then(
        () => true,
        () => false,
      );
      if (isThere) await rename(this.path, older);
      try {
        await rename(this.temporary, this.path);
      } catch (error) {
        if (isThere) await rename(older, this.path);
        throw error;
      }
      await rm(older, { recursive: true, force: true });
    } catch (error) {
      throw fileError(error, "write", this.path);
    }
    process.removeListener("exit", this.#removeOnExit);
  }

  /** Removes the temporary folder. Harmless after an error, and never fails itself. */
  async abort(): Promise<void> {
    await rm(this.temporary, { recursive: true, force: true }).catch(() => undefined);
    process.removeListener("exit", this.#removeOnExit);
  }
}

/** Only what a conversion may have written is replaced: whoever mistypes a path must lose nothing. */
async function refuseOthers(path: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (!existing) return;
  if (!existing.isDirectory()) throw new UsageError(`${path} is not a directory`);
  const names = await readdir(path);
  if (names.length === 0 || names.includes("config.json")) return;
  throw new UsageError(`the directory ${path} holds other files`, { hint: "name a new one" });
}
