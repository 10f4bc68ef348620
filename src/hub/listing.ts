import { listFiles, modelInfo } from "@huggingface/hub";
import { BitnetError, NetworkError } from "../errors.ts";
import type { HubHttp } from "./http.ts";
import { isCommit } from "./layout.ts";
import { isSafePath, MAIN_BRANCH } from "./resolve.ts";

/** A file of a repository, with the hash that its bytes must have. */
export interface RepoFile {
  readonly path: string;
  readonly bytes: number;
  /** Name of the blob in the cache: `sha256` of the bytes for large files, else git's object hash. */
  readonly etag: string;
  readonly hash: "sha256" | "git";
}

export interface RepoListing {
  readonly repo: string;
  readonly commit: string;
  readonly files: readonly RepoFile[];
}

/** What a repository holds at a revision.
 *  @throws {NotFoundError, NetworkError} as `HubHttp.fetch` */
export async function listRepo(http: HubHttp, revision = MAIN_BRANCH): Promise<RepoListing> {
  try {
    return await readListing(http, revision);
  } catch (error) {
    http.signal?.throwIfAborted();
    if (error instanceof BitnetError) throw error;
    throw strange(http, error instanceof SyntaxError ? "no JSON" : "JSON of another kind");
  }
}

async function readListing(http: HubHttp, revision: string): Promise<RepoListing> {
  const { repo } = http;
  const where = { hubUrl: http.access.endpoint, fetch: http.fetch };
  const { sha } = await modelInfo({ ...where, name: repo, revision, additionalFields: ["sha"] });
  if (typeof sha !== "string" || !isCommit(sha)) throw strange(http, "no commit");
  const files: RepoFile[] = [];
  for await (const entry of listFiles({ ...where, repo, revision: sha, recursive: true })) {
    if (entry?.type === undefined) throw strange(http, "a file without a type");
    if (entry.type !== "file") continue;
    files.push(checked(http, entry));
  }
  return { repo, commit: sha, files };
}

interface Entry {
  readonly path: string;
  readonly size: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
}

function checked(http: HubHttp, { path, size, oid, lfs }: Entry): RepoFile {
  if (typeof path !== "string" || !isSafePath(path))
    throw strange(http, `a file ${JSON.stringify(path)}`);
  const bytes = lfs?.size ?? size;
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw strange(http, `a size of ${bytes}`);
  if (lfs && /^[0-9a-f]{64}$/.test(lfs.oid)) return { path, bytes, etag: lfs.oid, hash: "sha256" };
  if (!lfs && oid && isCommit(oid)) return { path, bytes, etag: oid, hash: "git" };
  throw strange(http, `no hash of ${path}`);
}

function strange(http: HubHttp, what: string): NetworkError {
  return new NetworkError(`${http.access.endpoint} answers what no hub does: ${what}`, {
    hint: "check HF_ENDPOINT",
  });
}
