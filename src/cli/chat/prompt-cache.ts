import { createHash, type Hash } from "node:crypto";
import { mkdir, open, readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { CHUNK_TOKENS, type Session } from "../../engine/session.ts";
import { AtomicFile } from "../../gguf/atomic-file.ts";
import { openFile, readFully } from "../../gguf/files.ts";

/** First bytes of a file; the digit is the version of the format. */
const MAGIC = "BITNETKV1\n";
const SUFFIX = ".kv";
const DIGEST_BYTES = 32;
const COUNTS_BYTES = 8;
const TOKEN_BYTES = 4;
const HEADER_BYTES = MAGIC.length + DIGEST_BYTES + COUNTS_BYTES;
/** Beginning of a model file that tells it from others: its header, or most of that. */
const IDENTITY_BYTES = 65_536;
const PRIVATE_FOLDER = 0o700;

/** KV caches of chats on disk, so that a resumed chat does not evaluate everything again.
 *
 *  A file is MAGIC, SHA-256 of what it belongs to, the numbers of ids and of evaluated ones (u32), the
 *  ids (i32), the chunks, and SHA-256 of all that; little-endian. */
export class PromptCache {
  readonly #folder: string;
  readonly #maxBytes: number;

  constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** Keeps what a session has evaluated; older files go when all together take too much.
   *  @param key  what the numbers belong to, see `modelIdentity` */
  async save(name: string, key: string, session: Session, ids: Int32Array): Promise<void> {
    const { tokens, chunks, readChunk } = session.snapshot();
    if (tokens.some((token, i) => token !== ids[i])) return;
    const chunkBytes = chunks > 0 ? readChunk(0).length : 0;
    const bytes = sizeOf(ids.length, chunks, chunkBytes);
    if (chunks === 0 || bytes > this.#maxBytes) return;
    await mkdir(this.#folder, { recursive: true, mode: PRIVATE_FOLDER });
    await this.#makeRoom(this.#maxBytes - bytes, this.#pathOf(name));
    const file = await AtomicFile.create(this.#pathOf(name), bytes);
    const digest = createHash("sha256");
    const write = async (part: Uint8Array) => {
      digest.update(part);
      await file.write(part);
    };
    try {
      await write(header(key, ids.length, tokens.length));
      await write(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
      for (let i = 0; i < chunks; i++) await write(readChunk(i));
      await file.write(digest.digest());
      await file.commit();
    } catch (error) {
      await file.abort();
      throw error;
    }
  }

  /** Gives a new session what was kept under this name.
   *  @returns the ids of everything said; undefined when there is nothing
   *  @throws {Error} a file that is damaged, or of another model: the message says which */
  async restore(
    name: string,
    key: string,
    session: Session,
    chunkBytes: number,
  ): Promise<Int32Array | undefined> {
    const path = this.#pathOf(name);
    const there = await stat(path).catch(() => undefined);
    if (!there) return undefined;
    await using file = await openFile(path);
    const digest = createHash("sha256");
    let at = 0;
    const read = async (length: number): Promise<Buffer> => {
      if (at + length > file.bytes) throw new Error("it is cut off");
      const part = Buffer.allocUnsafe(length);
      await readFully(file, part, at);
      at += length;
      return part;
    };
    const head = await read(HEADER_BYTES);
    const nIds = head.readUInt32LE(HEADER_BYTES - COUNTS_BYTES);
    const nTokens = head.readUInt32LE(HEADER_BYTES - COUNTS_BYTES / 2);
    if (!head.equals(header(key, nIds, nTokens)))
      throw new Error("it is of another model or version");
    const nChunks = Math.ceil(nTokens / CHUNK_TOKENS);
    const fits = nTokens <= nIds && nTokens <= session.contextLength;
    if (!fits || file.bytes !== sizeOf(nIds, nChunks, chunkBytes)) {
      throw new Error("its size does not fit its content");
    }
    digest.update(head);
    const idBytes = await readHashed(read, digest, nIds * TOKEN_BYTES);
    const chunks: Uint8Array[] = [];
    for (let i = 0; i < nChunks; i++) chunks.push(await readHashed(read, digest, chunkBytes));
    if (!digest.digest().equals(await read(DIGEST_BYTES))) throw new Error("its checksum is wrong");
    const ids = Int32Array.from({ length: nIds }, (_, i) => idBytes.readInt32LE(i * TOKEN_BYTES));
    session.restore(ids.slice(0, nTokens), chunks);
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined); // the least recently used go first
    return ids;
  }

  /** Removes the least recently used until no more than `bytes` are left. */
  async #makeRoom(bytes: number, except: string): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith(SUFFIX));
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name);
        const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 }));
        return { path, size, mtimeMs };
      }),
    );
    const others = files.filter(({ path }) => path !== except);
    let left = others.reduce((total, { size }) => total + size, 0);
    for (const { path, size } of others.toSorted((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (left <= bytes) return;
      await rm(path, { force: true });
      left -= size;
    }
  }

  #pathOf(name: string): string {
    return join(this.#folder, `${createHash("sha256").update(name).digest("hex")}${SUFFIX}`);
  }
}

async function readHashed(
  read: (length: number) => Promise<Buffer>,
  digest: Hash,
  length: number,
): Promise<Buffer> {
  const part = await read(length);
  digest.update(part);
  return part;
}

function header(key: string, nIds: number, nTokens: number): Buffer {
  const counts = Buffer.alloc(COUNTS_BYTES);
  counts.writeUInt32LE(nIds, 0);
  counts.writeUInt32LE(nTokens, COUNTS_BYTES / 2);
  const digest = createHash("sha256").update(key).digest();
  return Buffer.concat([Buffer.from(MAGIC, "latin1"), digest, counts]);
}

function sizeOf(nIds: number, nChunks: number, chunkBytes: number): number {
  return HEADER_BYTES + nIds * TOKEN_BYTES + nChunks * chunkBytes + DIGEST_BYTES;
}

/** What tells a model from others: of each of its files the path, size, time of change and header;
 *  and what the engine makes of them. */
export async function modelIdentity(
  files: readonly string[],
  ...rest: readonly string[]
): Promise<string> {
  const described = await Promise.all(files.map(describeFile));
  return JSON.stringify([described, ...rest]);
}

async function describeFile(path: string): Promise<readonly (string | number)[]> {
  const handle = await open(path, "r");
  try {
    const { size, mtimeMs } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(IDENTITY_BYTES),
      0,
      IDENTITY_BYTES,
      0,
    );
    const hash = createHash("sha256").update(buffer.subarray(0, bytesRead)).digest("hex");
    return [path, size, mtimeMs, hash];
  } finally {
    await handle.close();
  }
}
