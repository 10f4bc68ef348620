import { readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { isCommit, refPath, repoFolder, repoOfFolder, snapshotDir } from "./layout.ts";
import { MAIN_BRANCH, type RepoRef } from "./resolve.ts";

/** A revision of a repository in the Hugging Face cache. */
export interface CachedSnapshot {
  readonly repo: string;
  readonly commit: string;
  /** Branches and tags that stand for it. */
  readonly refs: readonly string[];
  readonly folder: string;
  readonly files: readonly CachedFile[];
}

export interface CachedFile {
  /** Relative to the snapshot, with slashes. */
  readonly path: string;
  readonly bytes: number;
  /** When it was last read, in ms since 1970, as far as the file system notes that. */
  readonly readAt: number;
}

/** What the cache holds of a repository at a revision, whoever put it there; undefined: nothing. */
export async function findCached(
  cacheDir: string,
  { repo, revision = MAIN_BRANCH }: Pick<RepoRef, "repo" | "revision">,
): Promise<CachedSnapshot | undefined> {
  const repoDir = repoFolder(cacheDir, repo);
  const commit = isCommit(revision) ? revision : await readRef(refPath(repoDir, revision));
  if (commit === undefined) return undefined;
  const folder = snapshotDir(repoDir, commit);
  const files = await listFiles(folder, folder);
  return files.length === 0 ? undefined : { repo, commit, refs: [revision], folder, files };
}

/** Every revision of every model repository in the cache. What is damaged is left out. */
export async function scanCache(cacheDir: string): Promise<readonly CachedSnapshot[]> {
  const found: CachedSnapshot[] = [];
  for (const name of await names(cacheDir)) {
    const repo = repoOfFolder(name);
    if (repo === undefined) continue;
    const repoDir = join(cacheDir, name);
    const refs = await readRefs(join(repoDir, "refs"));
    for (const commit of await names(join(repoDir, "snapshots"))) {
      if (!isCommit(commit)) continue;
      const folder = snapshotDir(repoDir, commit);
      const files = await listFiles(folder, folder);
      if (files.length === 0) continue;
      found.push({ repo, commit, refs: refs.get(commit) ?? [], folder, files });
    }
  }
  return found;
}

/** Removes a repository with everything in it; its name disappears at once. */
export async function removeCached(cacheDir: string, repo: string): Promise<void> {
  const repoDir = repoFolder(cacheDir, repo);
  const doomed = join(dirname(repoDir), `.removed-${process.pid}-${Date.now().toString(36)}`);
  await rename(repoDir, doomed);
  await rm(doomed, { recursive: true, force: true });
}

/** Bytes on the disk of a repository: each blob once, partial ones included. */
export async function repoBytes(cacheDir: string, repo: string): Promise<number> {
  const blobs = join(repoFolder(cacheDir, repo), "blobs");
  const sizes = await Promise.all((await names(blobs)).map((name) => sizeOf(join(blobs, name))));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function readRef(path: string): Promise<string | undefined> {
  const commit = (await readFile(path, "utf8").catch(() => "")).trim();
  return isCommit(commit) ? commit : undefined;
}

/** Refs by commit; a ref may have slashes in its name (`refs/pr/1`). */
async function readRefs(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const refs = new Map<string, string[]>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    () => [],
  )) {
    if (!entry.isFile() || entry.name.startsWith(".")) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const commit = await readRef(path);
    if (commit === undefined) continue;
    refs.set(commit, [...(refs.get(commit) ?? []), slashed(relative(folder, path))]);
  }
  return refs;
}

async function listFiles(root: string, folder: string): Promise<CachedFile[]> {
  const files: CachedFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      files.push(...(await listFiles(root, path)));
      continue;
    }
    const target = await realpath(path).catch(() => undefined); // a link to nothing is no file
    const found = target && (await stat(target));
    if (!found) continue;
    files.push({ path: slashed(relative(root, path)), bytes: found.size, readAt: found.atimeMs });
  }
  return files;
}

async function names(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch((): string[] => [])).sort();
}

function slashed(path: string): string {
  return path.split(sep).join("/");
}
