import { createHash, type Hash } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ModelFormatError, ResourceError } from "../errors.ts";
import { type HubHttp, STALL_MS } from "./http.ts";
import type { RepoFile } from "./listing.ts";
import { adoptLeftover, partialPath } from "./partial.ts";

/** Bytes of one file that are on the disk, after each piece. */
export type OnBytes = (doneBytes: number) => void;

const READ_BYTES = 1 << 20;

/** Fetches a file into the cache, going on where an earlier attempt stopped. The blob appears under its
 *  name only when its bytes have the hash that the hub names.
 *  @throws {ModelFormatError} the bytes are not those, twice
 *  @throws {ResourceError}    the disk is full
 *  @throws {NotFoundError, NetworkError} as `HubHttp.fetch` */
export async function fetchBlob(
  http: HubHttp,
  url: string,
  file: RepoFile,
  blob: string,
  onBytes: OnBytes,
): Promise<void> {
  if (await isComplete(blob, file)) return onBytes(file.bytes);
  await mkdir(dirname(blob), { recursive: true });
  await adoptLeftover(blob);
  const partial = partialPath(blob);
  for (let round = 1; ; round += 1) {
    const digest = await fetchAll(http, url, file, partial, onBytes);
    if (digest === file.etag) break;
    await rm(partial, { force: true });
    if (round === 2) throw wrongHash(http, file, digest);
  }
  await rename(partial, blob);
}

/** Whether the cache holds the file: a blob of another size is none. */
export async function isComplete(blob: string, { bytes }: RepoFile): Promise<boolean> {
  const found = await stat(blob).catch(() => undefined);
  return found?.isFile() === true && found.size === bytes;
}

/** Appends until the file is as long as it has to be; gives the hash of its bytes. */
async function fetchAll(
  http: HubHttp,
  url: string,
  file: RepoFile,
  partial: string,
  onBytes: OnBytes,
): Promise<string> {
  const handle = await open(partial, "a+");
  try {
    const writer = new HashedWriter(handle, file, onBytes);
    await writer.readBack();
    for (let attempt = 1; !writer.isComplete; attempt += 1) {
      const before = writer.bytes;
      try {
        await fetchRest(http, url, writer);
      } catch (error) {
        if (writer.bytes > before) attempt = 1;
        await http.wait(explainDisk(error, file), attempt);
      }
    }
    await handle.sync();
    return writer.digest();
  } finally {
    await handle.close();
  }
}

async function fetchRest(http: HubHttp, url: string, writer: HashedWriter): Promise<void> {
  const stop = new AbortController();
  const stalled = () => stop.abort(new DOMException("no bytes", "TimeoutError"));
  let timer = setTimeout(stalled, STALL_MS);
  try {
    const from = writer.bytes;
    const headers = { "accept-encoding": "identity", ...(from > 0 && { range: `bytes=${from}-` }) };
    const response = await http.request(url, { headers }, stop.signal);
    if (from > 0 && !continuesAt(response, from)) await writer.restart();
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer);
      await writer.write(chunk);
      if (writer.isComplete) return;
      timer = setTimeout(stalled, STALL_MS);
    }
    // A short answer without an error: the next request goes on from here.
    if (writer.bytes === from) throw new Error("the connection was closed without a byte");
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

/** A server that ignores ranges sends the file from its beginning. */
function continuesAt(response: Response, from: number): boolean {
  const range = response.headers.get("content-range") ?? "";
  return response.status === 206 && range.startsWith(`bytes ${from}-`);
}

/** The partial file and the hash of what is in it. */
class HashedWriter {
  bytes = 0;
  readonly #handle: FileHandle;
  readonly #file: RepoFile;
  readonly #onBytes: OnBytes;
  #hash: Hash;

  constructor(handle: FileHandle, file: RepoFile, onBytes: OnBytes) {
    this.#handle = handle;
    this.#file = file;
    this.#onBytes = onBytes;
    this.#hash = newHash(file);
  }

  get isComplete(): boolean {
    return this.bytes === this.#file.bytes;
  }

  /** Hashes what an earlier attempt wrote. */
  async readBack(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.bytes) await this.#handle.truncate(0);
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.bytes);
      if (bytesRead === 0) break;
      this.#take(buffer.subarray(0, bytesRead));
    }
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = newHash(this.#file);
    this.bytes = 0;
  }

  /** Bytes beyond the file's size are left out. */
  async write(chunk: Uint8Array): Promise<void> {
    const wanted = chunk.subarray(0, this.#file.bytes - this.bytes);
    await this.#handle.appendFile(wanted);
    this.#take(wanted);
  }

  digest(): string {
    return this.#hash.digest("hex");
  }

  #take(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.bytes += bytes.length;
    this.#onBytes(this.bytes);
  }
}

function newHash({ hash, bytes }: RepoFile): Hash {
  return hash === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${bytes}\0`);
}

function explainDisk(error: unknown, { path }: RepoFile): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new ResourceError(`disk is full: ${path} does not fit`, {
    hint: "free some space and run the same command again: it goes on where it stopped",
    cause: error,
  });
}

function wrongHash({ repo }: HubHttp, file: RepoFile, digest: string): ModelFormatError {
  return new ModelFormatError(
    `${file.path} of ${repo} has the checksum ${digest}, the hub says ${file.etag}`,
    { hint: "something between here and the hub changes what it passes on; nothing was kept" },
  );
}
