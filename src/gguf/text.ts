import { createReadStream } from "node:fs";
import { realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { ResourceError } from "../errors.ts";
import { errorCode, fileError } from "./files.ts";

const MIB = 2 ** 20;
/** Of a text that is read whole. A device such as /dev/zero never ends, and would fill the memory. */
const MAX_TEXT_BYTES = 256 * MIB;
/** Of a line: more than any context window holds. */
const MAX_LINE_LENGTH = 16 * MIB;

/** Everything that a stream holds.
 *  @param from  where it comes from, for messages
 *  @throws {ResourceError} it is longer than any text that makes sense */
export async function readWhole(
  stream: Readable,
  from: string,
  { signal, maxBytes = MAX_TEXT_BYTES }: { signal?: AbortSignal; maxBytes?: number } = {},
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of signal ? addAbortSignal(signal, stream) : stream) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLong(from, "a text", maxBytes);
  }
  return Buffer.concat(chunks);
}

/** A text file, a pipe or a device as a whole.
 *  @throws {ResourceError} it is longer than any text that makes sense
 *  @throws the system's own error where it cannot be read */
export async function readTextFile(path: string): Promise<string> {
  return (await readWhole(createReadStream(path), path)).toString("utf8");
}

/** The same as bytes.
 *  @throws {NotFoundError} the file cannot be read */
export async function readBytesOfText(path: string, signal: AbortSignal): Promise<Buffer> {
  return readWhole(createReadStream(path), path, { signal }).catch((error: unknown) => {
    throw fileError(error, "read", path);
  });
}

/** Writes a text whole or not at all, in place of an older file; into a device or a pipe as it comes.
 *  @throws {ResourceError} it cannot be written: what was there still is */
export async function writeTextFile(path: string, text: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  const target = await realpath(path).catch(() => path);
  const part = found?.isFile() === false ? target : `${target}.${process.pid}.part`;
  try {
    await writeFile(part, text);
    if (part !== target) await rename(part, target);
  } catch (cause) {
    if (part !== target) await rm(part, { force: true });
    throw new ResourceError(`${path} cannot be written (${errorCode(cause)})`, { cause });
  }
}

/** @param rest  what has come of a line that has no end yet
 *  @throws {ResourceError} it is longer than any line that makes sense */
export function checkLineLength(rest: string, from: string): void {
  if (rest.length > MAX_LINE_LENGTH) throw tooLong(from, "a line", MAX_LINE_LENGTH);
}

function tooLong(from: string, what: string, max: number): ResourceError {
  return new ResourceError(`${from} is too long: ${what} has ${max / MIB} MiB at most`, {
    hint: "is it the right file?",
  });
}
