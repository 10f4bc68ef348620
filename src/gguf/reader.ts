import { BitnetError, type ModelFormatError } from "../errors.ts";
import { WindowTooSmall } from "./cursor.ts";
import { type OpenFile, openFile, readFully } from "./files.ts";
import { type GgufHeader, parseHeader } from "./header.ts";
import { LIMITS } from "./limits.ts";
import { checkTensors } from "./tensor-table.ts";
import type { GgufFile } from "./types.ts";

/** Holds the header of a model with a 128 k vocabulary (8 to 12 MB) in one read. */
const FIRST_WINDOW_BYTES = 16 * 1024 * 1024;

/** Reads the header of a GGUF file: metadata, and a tensor table whose every byte range is known to
 *  lie within the file. Tensor data is not touched.
 *  @throws {NotFoundError}    the file is missing or cannot be read
 *  @throws {ModelFormatError} not a GGUF file, truncated, damaged, or beyond a limit of limits.ts
 *  @throws {UnsupportedError} another version or byte order, an unknown tensor type */
export async function readGguf(path: string): Promise<GgufFile> {
  await using file = await openFile(path);
  try {
    const header = await readHeader(file);
    const table = checkTensors(header, file.bytes);
    const { version, metadata } = header;
    return { path, version, fileBytes: file.bytes, metadata, ...table };
  } catch (error) {
    throw withPath(error, path);
  }
}

async function readHeader(file: OpenFile): Promise<GgufHeader> {
  const most = Math.min(file.bytes, LIMITS.headerBytes);
  let windowBytes = Math.min(most, FIRST_WINDOW_BYTES);
  for (;;) {
    const window = Buffer.allocUnsafeSlow(windowBytes);
    await readFully(file, window, 0);
    try {
      return parseHeader(window, file.bytes);
    } catch (error) {
      if (!(error instanceof WindowTooSmall)) throw error;
      // Starting over costs less than parsing in steps: it happens once, to headers of 16 MB and more.
      windowBytes = Math.min(most, Math.max(2 * windowBytes, error.neededBytes));
    }
  }
}

/** The parsers do not know the path; the message starts with it once, here. */
function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof BitnetError) || error.message.includes(path)) return error;
  const type = error.constructor as typeof ModelFormatError;
  return new type(`${path}: ${error.message}`, { hint: error.hint, cause: error.cause });
}
