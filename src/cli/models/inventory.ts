import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { openModelSource } from "../../checkpoint/open.ts";
import { type Env, hubCacheDir } from "../../config/paths.ts";
import { BitnetError } from "../../errors.ts";
import { scanCache } from "../../hub/cache.ts";
import { SHORT_NAMES } from "../../hub/names.ts";
import { describeReady } from "../setup/summary.ts";
import { convertedRoot, modelIn, useFile, usesDir } from "./ready.ts";

/** A model on this machine, as `models --json` prints it. Fields are only ever added. */
export interface OwnedModel {
  /** What `-m` takes: a short name, a repository, or the path. */
  readonly name: string;
  /** Where it is: in the Hugging Face cache, converted by `setup`, or elsewhere. */
  readonly place: "hub" | "converted" | "local";
  readonly repo: string | null;
  readonly commit: string | null;
  readonly path: string;
  readonly bytes: number | null;
  readonly format: string | null;
  readonly family: string | null;
  /** When this program last ran it; null: never, or before that was noted. */
  readonly lastUse: string | null;
  /** Why it does not run; null: it does. */
  readonly problem: string | null;
}

type Place = Pick<OwnedModel, "name" | "place" | "repo" | "commit" | "path">;

/** Every model that is in the caches, and those elsewhere that were run and are still there. */
export async function listModels(env: Env): Promise<readonly OwnedModel[]> {
  const places = [...(await hubModels(env)), ...(await convertedModels(env))];
  const known = new Set(await Promise.all(places.map(({ path }) => realOf(path))));
  for (const path of await usedPaths(env)) {
    const real = await realOf(path);
    if (known.has(real)) continue;
    known.add(real);
    places.push({ name: path, place: "local", repo: null, commit: null, path });
  }
  return Promise.all(places.map((place) => describe(place, env)));
}

async function hubModels(env: Env): Promise<Place[]> {
  const places: Place[] = [];
  for (const snapshot of await scanCache(hubCacheDir(env))) {
    const path = modelIn(snapshot);
    if (path === undefined) continue;
    const { repo, commit, refs } = snapshot;
    const short = SHORT_NAMES.find((one) => one.repo === repo)?.name ?? repo;
    const name = refs.includes("main") ? short : `${repo}@${refs[0] ?? commit}`;
    places.push({ name, place: "hub", repo, commit, path });
  }
  return places;
}

async function convertedModels(env: Env): Promise<Place[]> {
  const places: Place[] = [];
  for (const folder of await names(convertedRoot(env))) {
    const repo = folder.replace("--", "/");
    for (const commit of await names(join(convertedRoot(env), folder))) {
      const inside = join(convertedRoot(env), folder, commit);
      for (const file of await names(inside)) {
        if (file.startsWith(".") || !file.endsWith(".gguf")) continue;
        const path = join(inside, file);
        places.push({ name: path, place: "converted", repo, commit, path });
      }
    }
  }
  return places;
}

/** Paths of models that were run, as far as they are still there. */
async function usedPaths(env: Env): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const name of await names(usesDir(env))) {
    const text = await readFile(join(usesDir(env), name), "utf8").catch(() => "");
    const path = /"path":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
    if (path !== undefined) paths.push(JSON.parse(path));
  }
  const there = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  return paths.filter((_, i) => there[i] !== undefined).sort();
}

async function describe(place: Place, env: Env): Promise<OwnedModel> {
  const used = await stat(useFile(place.path, env)).catch(() => undefined);
  const lastUse = used?.mtime.toISOString() ?? null;
  try {
    const { bytes, format, family } = await describeReady(await openModelSource(place.path));
    return {
      ...place,
      bytes,
      format: format ?? null,
      family: family ?? null,
      lastUse,
      problem: null,
    };
  } catch (error) {
    if (!(error instanceof BitnetError)) throw error;
    const unknown = { bytes: null, format: null, family: null };
    return { ...place, ...unknown, lastUse, problem: error.message };
  }
}

async function names(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch((): string[] => [])).sort();
}

function realOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
