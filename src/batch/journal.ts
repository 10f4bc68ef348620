import { type FileHandle, open } from "node:fs/promises";
import { ResourceError, UsageError } from "../errors.ts";
import { errorCode, fileError } from "../gguf/files.ts";
import type { BatchAnswer } from "./answer.ts";
import { isObject } from "./line-options.ts";
import { lockFile } from "./lock.ts";
import type { RequestId } from "./request.ts";

const LINE_FEED = 0x0a;
const READ_BYTES = 1 << 20;

/** The file of answers: a line each, on the disk before the next begins. Whatever ends the process,
 *  the lines that are whole are answers, and only the last one can be torn. */
export class Journal implements AsyncDisposable {
  /** Fingerprints of the answers that were there when it was opened, by id. */
  readonly finished: ReadonlyMap<RequestId, string>;
  /** Bytes of a torn line that were cut off. */
  readonly repairedBytes: number;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #unlock: () => Promise<void>;

  private constructor(
    path: string,
    handle: FileHandle,
    unlock: () => Promise<void>,
    content: Content,
  ) {
    this.#path = path;
    this.#handle = handle;
    this.#unlock = unlock;
    this.finished = content.finished;
    this.repairedBytes = content.tornBytes;
  }

  /** Opens the file, or makes it; what a killed process left of a line is cut off.
   *    afresh  whether to begin with an empty file
   *  @throws {UsageError}    it holds something else than answers, or another process writes to it
   *  @throws {NotFoundError} it cannot be opened */
  static async open(path: string, { afresh }: { readonly afresh: boolean }): Promise<Journal> {
    const unlock = await lockFile(path);
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, "a+");
      if (!(await handle.stat()).isFile()) {
        throw new UsageError(`${path} is not a regular file`, {
          hint: "without --output, answers go to standard output",
        });
      }
      if (afresh) await handle.truncate(0);
      const content = await readContent(handle, path);
      if (content.tornBytes > 0) await handle.truncate(content.wholeBytes);
      await handle.sync();
      return new Journal(path, handle, unlock, content);
    } catch (error) {
      await handle?.close();
      await unlock();
      throw fileError(error, "write", path);
    }
  }

  /** Resolves once the answer is on the disk.
   *  @throws {ResourceError} the disk is full */
  async append(answer: BatchAnswer): Promise<void> {
    const bytes = Buffer.from(`${toJsonLine(answer)}\n`);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#handle.write(bytes, done)).bytesWritten;
      }
      await this.#handle.datasync();
    } catch (error) {
      const full = ["ENOSPC", "EDQUOT", "EFBIG"].includes(errorCode(error) ?? "");
      if (!full) throw fileError(error, "write", this.#path);
      throw new ResourceError(`disk is full: ${this.#path} cannot be written`, {
        hint: "free some space, then give the same command again: it goes on where it stopped",
        cause: error,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    await this.#unlock();
  }
}

/** JSON has no 64-bit integers: exact numbers where they fit, else decimal strings. */
function toJsonLine(answer: BatchAnswer): string {
  return JSON.stringify(answer, (_key, value: unknown) => {
    if (typeof value !== "bigint") return value;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  });
}

interface Content {
  readonly finished: ReadonlyMap<RequestId, string>;
  readonly wholeBytes: number;
  readonly tornBytes: number;
}

/** Reads piece by piece: answers may be many. */
async function readContent(handle: FileHandle, path: string): Promise<Content> {
  const finished = new Map<RequestId, string>();
  let rest: Buffer = Buffer.alloc(0);
  let position = 0;
  let number = 0;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(
      Buffer.alloc(READ_BYTES),
      0,
      READ_BYTES,
      position,
    );
    if (bytesRead === 0) break;
    position += bytesRead;
    rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED)) {
      number += 1;
      const { id, fingerprint } = readAnswer(rest.toString("utf8", 0, end), `${path}:${number}`);
      finished.set(id, fingerprint);
      rest = rest.subarray(end + 1);
    }
  }
  return { finished, wholeBytes: position - rest.length, tornBytes: rest.length };
}

function readAnswer(
  text: string,
  where: string,
): { readonly id: RequestId; readonly fingerprint: string } {
  const value = parse(text);
  if (isObject(value)) {
    const { id, fingerprint } = value;
    const isId = typeof id === "string" || typeof id === "number";
    if (isId && typeof fingerprint === "string") return { id, fingerprint };
  }
  throw new UsageError(`${where}: not an answer of a batch`, {
    hint: "name another --output, or start over with --force",
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
