import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type HubSettings, hubSettings } from "../../config/hub.ts";
import { NetworkError, NotFoundError } from "../../errors.ts";
import { findCached } from "../../hub/cache.ts";
import { type Choice, chooseModel } from "../../hub/choose.ts";
import { downloadFiles } from "../../hub/download.ts";
import { HubHttp, type RequestOptions } from "../../hub/http.ts";
import { listRepo, type RepoFile, type RepoListing } from "../../hub/listing.ts";
import { MAIN_BRANCH, type RepoRef } from "../../hub/resolve.ts";
import { formatBytes } from "../../ui/format.ts";
import type { Context } from "../context.ts";
import type { SetupLog } from "./log.ts";

/** A model on this machine, before any conversion. */
export interface Fetched {
  readonly kind: Choice["kind"];
  /** A GGUF file, or the folder of a checkpoint. */
  readonly path: string;
  readonly repo: string;
  readonly commit: string;
  /** Bytes that came over the network. */
  readonly fetchedBytes: number;
}

export interface Wanted {
  /** The only ternary format that will do. */
  readonly format: string | undefined;
}

/** Brings a model of the hub into the cache; offline, finds it there. */
export async function fetchModel(
  context: Context,
  ref: RepoRef,
  wanted: Wanted,
  log: SetupLog,
): Promise<Fetched> {
  const hub = hubSettings(process.env);
  if (hub.offline) return fromCache(hub, ref, wanted, "HF_HUB_OFFLINE is set");
  const { ui, signal } = context;
  const onRetry = (reason: string, waitMs: number): void => {
    ui.warn(`${reason}: trying again in ${Math.ceil(waitMs / 1000)} s`);
    void log.write("download", `retry: ${reason}`);
  };
  const request: RequestOptions = { signal, onRetry };
  let listing: RepoListing;
  try {
    listing = await ui.spin(`asking for ${ref.repo}`, `found ${ref.repo}`, () =>
      listRepo(new HubHttp(hub, ref.repo, request), ref.revision),
    );
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    const cached = await fromCache(hub, ref, wanted, "").catch(() => undefined);
    if (cached === undefined) throw error;
    ui.warn(`${error.message}; using what is in the cache`);
    return cached;
  }
  return download(context, { hub, ref, wanted, listing, request, log });
}

interface DownloadPlan {
  readonly hub: HubSettings;
  readonly ref: RepoRef;
  readonly wanted: Wanted;
  readonly listing: RepoListing;
  readonly request: RequestOptions;
  readonly log: SetupLog;
}

async function download({ ui }: Context, plan: DownloadPlan): Promise<Fetched> {
  const { hub, ref, wanted, listing, request, log } = plan;
  const { repo, commit } = listing;
  const paths = listing.files.map(({ path }) => path);
  const choice = chooseModel(paths, { repo, file: ref.file, format: wanted.format });
  const files = filesOf(listing, choice);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  await log.write("download", `${repo}@${commit}: ${files.map(({ path }) => path).join(" ")}`);
  const amount = `${files.length === 1 ? "1 file" : `${files.length} files`}, ${formatBytes(total)}`;
  const { snapshot, fetchedBytes } = await ui.progressGroup(
    `downloading ${repo} (${amount})`,
    `downloaded ${repo}`,
    total,
    (onProgress) =>
      downloadFiles(listing, files, {
        ...request,
        access: hub,
        cacheDir: hub.cacheDir,
        revision: ref.revision ?? MAIN_BRANCH,
        onProgress,
      }),
  );
  await log.write("download", `${fetchedBytes} bytes fetched, all checksums right: ${snapshot}`);
  return { ...placeOf(snapshot, choice), repo, commit, fetchedBytes };
}

async function fromCache(
  hub: HubSettings,
  ref: RepoRef,
  { format }: Wanted,
  why: string,
): Promise<Fetched> {
  const { repo, file } = ref;
  const cached = await findCached(hub.cacheDir, ref);
  if (cached === undefined) {
    throw new NotFoundError(`${repo} is not in the cache (${hub.cacheDir}), and ${why}`, {
      hint: "unset HF_HUB_OFFLINE to download it",
    });
  }
  const choice = chooseModel(
    cached.files.map(({ path }) => path),
    { repo, file, format },
  );
  return { ...placeOf(cached.folder, choice), repo, commit: cached.commit, fetchedBytes: 0 };
}

function placeOf(snapshot: string, choice: Choice): Pick<Fetched, "kind" | "path"> {
  const path = choice.kind === "gguf" ? join(snapshot, choice.file) : snapshot;
  return { kind: choice.kind, path };
}

function filesOf({ files }: RepoListing, choice: Choice): readonly RepoFile[] {
  const wanted = new Set(choice.kind === "gguf" ? [choice.file] : choice.files);
  return files.filter(({ path }) => wanted.has(path));
}

/** Whether a text is the path of something that is there. */
export function isPath(text: string): Promise<boolean> {
  return stat(text).then(
    () => true,
    () => false,
  );
}
