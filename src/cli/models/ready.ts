import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { nearestSibling } from "../../checkpoint/near-misses.ts";
import { cacheDir } from "../../config/hub.ts";
import { type Env, hubCacheDir } from "../../config/paths.ts";
import { suggest } from "../../config/suggest.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { type CachedSnapshot, findCached } from "../../hub/cache.ts";
import { chooseModel } from "../../hub/choose.ts";
import { SHORT_NAMES } from "../../hub/names.ts";
import { parseRepoRef, type RepoRef } from "../../hub/resolve.ts";

// What `bitnet setup` made ready, beside the Hugging Face cache:
//   <cache>/models/<org>--<name>/<commit>/ggml-model-i2_s.gguf   converted here
//   <cache>/models/<org>--<name>/<commit>/ready.json             the file that the name stands for

const READY = "ready.json";

/** Path of the model that `-m` names: a path as it is, or a name that `bitnet setup` takes and that is
 *  in the cache. Nothing is downloaded.
 *  @throws {NotFoundError} neither; the hint is the command that brings it here
 *  @throws {UsageError}    no name at all, as a variable of a script that is not set gives */
export async function locateModel(name: string, env: Env = process.env): Promise<string> {
  if (name === "") throw new UsageError("the name of the model is empty");
  if (await isThere(name)) return name;
  const ref = parseRepoRef(name);
  if (ref === undefined) return refuseMisspelt(name);
  const ready = await findReady(ref, env);
  if (ready !== undefined) return ready;
  const near = await nearestSibling(name);
  const hint =
    near === undefined
      ? `bitnet setup ${name}`
      : `did you mean ${near}? Else: bitnet setup ${name}`;
  throw new NotFoundError(`no such file, and not in the cache: ${name}`, { hint });
}

/** A short name with a typing error gets a better hint than a missing file does. */
function refuseMisspelt(name: string): string {
  const names = SHORT_NAMES.map((one) => one.name);
  const near = /[/\\.]/.test(name) ? undefined : suggest(name, names);
  if (near === undefined) return name;
  throw new NotFoundError(`no such file or directory: ${name}`, { hint: `did you mean ${near}?` });
}

/** Path of the file or folder that a name of the hub stands for, if it is on this machine. */
export async function findReady(ref: RepoRef, env: Env): Promise<string | undefined> {
  const snapshot = await findCached(hubCacheDir(env), ref);
  if (snapshot === undefined) return undefined;
  const recorded = ref.file === undefined ? await readReady(snapshot, env) : undefined;
  return recorded ?? modelIn(snapshot, ref.file);
}

/** Path of the model in a snapshot of any program; undefined where there is none that we read. */
export function modelIn(snapshot: CachedSnapshot, file?: string): string | undefined {
  const { repo, folder, files } = snapshot;
  try {
    const choice = chooseModel(
      files.map(({ path }) => path),
      { repo, file },
    );
    return choice.kind === "gguf" ? join(folder, choice.file) : folder;
  } catch {
    return undefined;
  }
}

/** Where conversions of a revision go. */
export function convertedDir({ repo, commit }: Revision, env: Env): string {
  return join(convertedRoot(env), repo.replace("/", "--"), commit);
}

export function convertedRoot(env: Env): string {
  return join(cacheDir(env), "models");
}

export interface Revision {
  readonly repo: string;
  readonly commit: string;
}

/** Notes which file a repository stands for from now on. */
export async function recordReady(revision: Revision, path: string, env: Env): Promise<void> {
  const file = join(convertedDir(revision, env), READY);
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, JSON.stringify({ path }));
  await rename(temporary, file);
}

async function readReady(revision: Revision, env: Env): Promise<string | undefined> {
  try {
    const text = await readFile(join(convertedDir(revision, env), READY), "utf8");
    const { path } = JSON.parse(text) as { path?: unknown };
    return typeof path === "string" && (await isThere(path)) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Notes that a model is used now. That it cannot be noted must not keep anybody from using it. */
export async function recordUse(name: string, env: Env = process.env): Promise<void> {
  const path = resolve(name);
  const file = useFile(path, env);
  const now = new Date();
  try {
    await utimes(file, now, now).catch(async () => {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, JSON.stringify({ path }));
    });
  } catch {
    // a read-only home
  }
}

export function usesDir(env: Env): string {
  return join(cacheDir(env), "uses");
}

export function useFile(path: string, env: Env): string {
  return join(usesDir(env), `${createHash("sha256").update(path).digest("hex").slice(0, 24)}.json`);
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
