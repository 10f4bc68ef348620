import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { ResourceError } from "../errors.ts";
import { fetchBlob, isComplete } from "./blob.ts";
import { type HubAccess, HubHttp, type RequestOptions } from "./http.ts";
import { blobPath, repoFolder, snapshotDir } from "./layout.ts";
import type { RepoFile, RepoListing } from "./listing.ts";
import { leftoverBytes } from "./partial.ts";
import { linkSnapshot } from "./snapshot.ts";

/** Files that are fetched at the same time. */
const PARALLEL_FILES = 4;
/** Left free on the disk. */
const SPARE_BYTES = 64 * 1024 * 1024;

export interface DownloadOptions extends RequestOptions {
  readonly cacheDir: string;
  readonly access: HubAccess;
  /** The branch or tag that was asked for; it will stand for this commit. */
  readonly revision: string;
  /** Bytes of a file that are on the disk, and in all. */
  readonly onProgress?: ((path: string, doneBytes: number, totalBytes: number) => void) | undefined;
}

export interface Download {
  /** Folder with the files under their names. */
  readonly snapshot: string;
  /** Bytes that came over the network. */
  readonly fetchedBytes: number;
}

/** Brings files of a repository into the Hugging Face cache. They appear under their names only once all
 *  of them are complete and have the hashes that the hub names.
 *  @throws {ResourceError} too little space on the disk: before anything is fetched
 *  @throws as `fetchBlob` */
export async function downloadFiles(
  listing: RepoListing,
  files: readonly RepoFile[],
  options: DownloadOptions,
): Promise<Download> {
  const { repo, commit } = listing;
  const repoDir = repoFolder(options.cacheDir, repo);
  // Files of the same bytes are one blob, and would be one partial file.
  const blobs = [...new Map(files.map((file) => [file.etag, file])).values()];
  const missing = await missingBytes(repoDir, blobs);
  await checkSpace(options.cacheDir, missing);
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const http = new HubHttp(options.access, repo, { ...options, signal });
  await forEachParallel(blobs, PARALLEL_FILES, async (file) => {
    const url = fileUrl(options.access, repo, commit, file.path);
    const onBytes = (done: number) => options.onProgress?.(file.path, done, file.bytes);
    try {
      await fetchBlob(http, url, file, blobPath(repoDir, file.etag), onBytes);
    } catch (error) {
      stop.abort(error); // the others need not go on
      throw error;
    }
  });
  await linkSnapshot(repoDir, commit, files, options.revision);
  return { snapshot: snapshotDir(repoDir, commit), fetchedBytes: missing };
}

function fileUrl({ endpoint }: HubAccess, repo: string, commit: string, path: string): string {
  const name = path.split("/").map(encodeURIComponent).join("/");
  return `${endpoint}/${repo}/resolve/${commit}/${name}`;
}

/** Bytes that have to be fetched. */
async function missingBytes(repoDir: string, files: readonly RepoFile[]): Promise<number> {
  const sizes = await Promise.all(
    files.map(async (file) => {
      const blob = blobPath(repoDir, file.etag);
      if (await isComplete(blob, file)) return 0;
      return Math.max(0, file.bytes - (await leftoverBytes(blob)));
    }),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** @throws {ResourceError} the disk has no room for that */
export async function checkSpace(folder: string, neededBytes: number): Promise<void> {
  const free = await freeBytes(folder);
  if (neededBytes === 0 || free === undefined || free >= neededBytes + SPARE_BYTES) return;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  throw new ResourceError(
    `disk is full: ${folder} needs ${megabytes(neededBytes)} more, ${megabytes(free)} available`,
    { hint: "free some space, or set HF_HOME to a folder on another disk" },
  );
}

/** Undefined where the file system does not tell. A folder that is not there yet has its parent's. */
async function freeBytes(folder: string): Promise<number | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const found = await statfs(at).catch(() => undefined);
    if (found) return found.blocks === 0 ? undefined : found.bavail * found.bsize;
    if (at === dirname(at)) return undefined;
  }
}

/** Waits for all that was started; throws the first failure. */
async function forEachParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
        waiting.length = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length > 0) throw failures[0];
}
