import { join } from "node:path";

// The layout of the Hugging Face cache, which other tools share:
//   models--org--name/refs/main                    the commit that a branch or tag stands for
//   models--org--name/snapshots/<commit>/<file>    links to
//   models--org--name/blobs/<hash>                 the bytes: sha256 of large files, git's hash of others

const REPO_PREFIX = "models--";

export function repoFolder(cacheDir: string, repo: string): string {
  return join(cacheDir, REPO_PREFIX + repo.replace("/", "--"));
}

/** The repository that a folder of the cache belongs to; undefined for other folders. */
export function repoOfFolder(name: string): string | undefined {
  if (!name.startsWith(REPO_PREFIX)) return undefined;
  return name.slice(REPO_PREFIX.length).replace("--", "/");
}

export function blobPath(repoDir: string, etag: string): string {
  return join(repoDir, "blobs", etag);
}

export function snapshotDir(repoDir: string, commit: string): string {
  return join(repoDir, "snapshots", commit);
}

export function refPath(repoDir: string, revision: string): string {
  return join(repoDir, "refs", revision);
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}
