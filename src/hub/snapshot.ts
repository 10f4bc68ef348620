import { copyFile, lstat, mkdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { blobPath, isCommit, refPath, snapshotDir } from "./layout.ts";
import type { RepoFile } from "./listing.ts";

/** What makes a folder of weights a model: it comes last, so that a folder without it is none. */
const LAST = "config.json";

/** Gives complete blobs their names, then lets the revision stand for the commit. */
export async function linkSnapshot(
  repoDir: string,
  commit: string,
  files: readonly RepoFile[],
  revision: string,
): Promise<void> {
  const folder = snapshotDir(repoDir, commit);
  const isLast = ({ path }: RepoFile) => (path === LAST ? 1 : 0);
  for (const { path, etag } of [...files].sort((a, b) => isLast(a) - isLast(b))) {
    await link(blobPath(repoDir, etag), join(folder, path));
  }
  if (isCommit(revision)) return;
  const ref = refPath(repoDir, revision);
  await mkdir(dirname(ref), { recursive: true });
  await replace(ref, (temporary) => writeFile(temporary, commit));
}

/** A relative link, so that the cache can be moved; a copy where there are no links. */
async function link(blob: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const target = relative(dirname(path), blob);
  if ((await readlink(path).catch(() => undefined)) === target) return;
  await replace(path, (temporary) =>
    symlink(target, temporary).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EPERM" && error.code !== "ENOSYS") throw error;
      return copyFile(blob, temporary);
    }),
  );
}

/** Makes a file under another name, then renames it: the name is never half there. */
async function replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  if (await lstat(temporary).catch(() => undefined)) await rm(temporary);
  await make(temporary);
  await rename(temporary, path);
}
