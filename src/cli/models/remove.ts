import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Env, hubCacheDir } from "../../config/paths.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { removeCached, repoBytes } from "../../hub/cache.ts";
import { parseRepoRef } from "../../hub/resolve.ts";
import { formatBytes } from "../../ui/format.ts";
import type { Context } from "../context.ts";
import { listModels, type OwnedModel } from "./inventory.ts";
import { convertedRoot } from "./ready.ts";

/** What `models rm` would take away. */
export interface Removal {
  readonly repo: string;
  /** Whether the Hugging Face cache has it: other programs share that. */
  readonly shared: boolean;
  readonly bytes: number;
}

/** A repository with everything that was made of it; a file elsewhere is its owner's.
 *  @throws {NotFoundError} nothing of that name
 *  @throws {UsageError}    a model outside the caches */
export async function planRemoval(name: string, env: Env): Promise<Removal> {
  const models = await listModels(env);
  const named = models.find((one) => one.name === name || one.path === name);
  const repo = named?.repo ?? parseRepoRef(name)?.repo;
  if (named && named.repo === null) {
    throw new UsageError(`${name} is in no cache: it is yours to remove`, {
      hint: `it is at ${named.path}`,
    });
  }
  const owned = models.filter((one) => one.repo === repo);
  const shared = repo === undefined ? 0 : await repoBytes(hubCacheDir(env), repo);
  if (repo === undefined || (owned.length === 0 && shared === 0)) {
    throw new NotFoundError(`no such model: ${name}`, { hint: "`bitnet models` lists them" });
  }
  const own = owned.filter(({ place }) => place === "converted").reduce(sumOf, 0);
  return { repo, shared: shared > 0, bytes: shared + own };
}

function sumOf(sum: number, { bytes }: OwnedModel): number {
  return sum + (bytes ?? 0);
}

/** Asks whoever sits there; without a terminal only `--force` removes. */
export async function confirm(
  { ui, stdin, signal }: Context,
  { repo, shared, bytes }: Removal,
): Promise<boolean> {
  if (!stdin.isTTY || !ui.terminal.isTty) {
    throw new UsageError(`removing ${repo} needs a yes`, { hint: "say it with --force" });
  }
  const note = shared ? ", which other programs may use, too" : "";
  const answer = await ui.ask(
    `remove ${repo} (${formatBytes(bytes)}${note})? [y/N]`,
    stdin,
    signal,
  );
  return /^y(es)?$/i.test(answer);
}

export async function remove({ repo, shared }: Removal, env: Env): Promise<void> {
  await rm(join(convertedRoot(env), repo.replace("/", "--")), { recursive: true, force: true });
  if (shared) await removeCached(hubCacheDir(env), repo);
}
