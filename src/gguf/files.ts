import { access, constants, type FileHandle, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ModelFormatError, NotFoundError, UsageError } from "../errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  ENOTDIR: "a part of the path is not a directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many open files",
  EIO: "the device reported an error",
};

/** Turns a failed file operation into our error: `cannot <verb> <path>: <reason>`. Anything without
 *  an error code is returned as it is. */
export function fileError(error: unknown, verb: string, path: string): unknown {
  const code = errorCode(error);
  if (code === undefined) return error;
  return new NotFoundError(`cannot ${verb} ${path}: ${REASONS[code] ?? code}`, { cause: error });
}

/** The `code` of a system error, e.g. `ENOENT`; undefined for everything else. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : undefined;
}

/** For results of long work: finds out before the work, and makes no file.
 *  @throws {NotFoundError} the file cannot be written
 *  @throws {UsageError}    it is a directory */
export async function checkWritable(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    throw new UsageError(`${path} is a directory`, { hint: "name a file" });
  }
  // A regular file is replaced by a new one beside it.
  const places = [...(found ? [path] : []), ...(found?.isFile() === false ? [] : [dirname(path)])];
  for (const place of places) {
    await access(place, constants.W_OK).catch((error: unknown) => {
      throw fileError(error, "write", path);
    });
  }
}

/** An open regular file and its size. */
export interface OpenFile extends AsyncDisposable {
  readonly path: string;
  readonly handle: FileHandle;
  readonly bytes: number;
}

/** @throws {NotFoundError} the file is missing, unreadable or no regular file */
export async function openFile(path: string): Promise<OpenFile> {
  try {
    // Asked before opening, because opening a named pipe waits for its writer.
    const { size, isFile } = await stat(path).then((s) => ({ size: s.size, isFile: s.isFile() }));
    if (!isFile) throw new NotFoundError(`cannot read ${path}: not a regular file`);
    const handle = await open(path, "r");
    return { path, handle, bytes: size, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    throw fileError(error, "read", path);
  }
}

/** Fills `target` from `position` on; a single read may return less than it was asked for.
 *  @throws {ModelFormatError} the file ends before that, e.g. because it shrank meanwhile */
export async function readFully(
  { path, handle }: OpenFile,
  target: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const rest = target.length - done;
    const { bytesRead } = await handle
      .read(target, done, rest, position + done)
      .catch((error: unknown) => Promise.reject(fileError(error, "read", path)));
    if (bytesRead === 0) {
      throw new ModelFormatError(
        `truncated: ${path} ends at byte ${position + done}, expected ${rest} more`,
      );
    }
    done += bytesRead;
  }
}
