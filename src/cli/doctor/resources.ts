import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { isMeter } from "../../bench/energy/meter.ts";
import { type EnergyWhere, openMeter } from "../../bench/energy/open.ts";
import { hubSettings } from "../../config/hub.ts";
import type { Env } from "../../config/paths.ts";
import { reachHub } from "../../hub/reach.ts";
import { formatBytes, formatDuration } from "../../ui/format.ts";
import { availableMemory } from "../system-summary.ts";
import { broken, type Finding, ok, skipped, warning } from "./finding.ts";

/** What BitNet b1.58 2B4T takes with a modest context, and its file on the disk. */
const MODEST_MEMORY_BYTES = 1.5 * 2 ** 30;
const MODEST_DISK_BYTES = 2 * 2 ** 30;

export function checkMemory(available: number = availableMemory()): Finding {
  const message = `${formatBytes(available)} of memory available`;
  if (available >= MODEST_MEMORY_BYTES) return ok("memory", message);
  return warning(
    "memory",
    `${message}: a model of 2 billion parameters takes about ${formatBytes(MODEST_MEMORY_BYTES)}`,
    "close other programs, or run with --mmap -c 1024 --kv-type int8",
  );
}

/** The folder for models: can it be written to, and is there room? */
export async function* checkCache(env: Env): AsyncGenerator<Finding> {
  const { cacheDir } = hubSettings(env);
  const folder = await nearestFolder(cacheDir);
  try {
    await access(folder, constants.W_OK);
    yield ok("cache", `models are kept in ${cacheDir}`);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const fix = `chown -R "$USER" ${folder}, or set HF_HUB_CACHE to another folder`;
    yield broken("cache", `${cacheDir} cannot be written to (${reason})`, fix);
    return yield skipped("disk", "there is no folder for models");
  }
  const { bavail, bsize } = await statfs(folder);
  const message = `${formatBytes(bavail * bsize)} free for models`;
  if (bavail * bsize >= MODEST_DISK_BYTES) return yield ok("disk", message);
  const fix = "bitnet models, then bitnet models rm NAME; or set HF_HUB_CACHE to another disk";
  yield warning("disk", message, fix);
}

/** The folder itself or, before it is made, the one that it will be made in. */
async function nearestFolder(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const exists = await access(at).then(
      () => true,
      () => false,
    );
    if (exists || at === dirname(at)) return at;
  }
}

export async function checkHub(env: Env, signal: AbortSignal): Promise<Finding> {
  const { endpoint, token, offline } = hubSettings(env);
  if (offline) return skipped("hub", "HF_HUB_OFFLINE is set: models come from the cache alone");
  if (!URL.canParse(endpoint)) {
    return broken("hub", `HF_ENDPOINT is no address: ${endpoint}`, "unset HF_ENDPOINT");
  }
  const reach = await reachHub({ endpoint, token }, signal);
  if (reach.state === "reached") {
    const who = token === undefined ? "without a token" : "with a token that is valid";
    return ok("hub", `${endpoint} answers in ${formatDuration(reach.ms)}, ${who}`);
  }
  if (reach.state === "offline") {
    const fix = "connect to the network to download models; those that are here run without it";
    return skipped("hub", `${endpoint}: this machine is offline (${reach.reason})`, fix);
  }
  const fix = /token/.test(reach.reason)
    ? "set HF_TOKEN anew, or unset it"
    : "try later, or set HF_ENDPOINT to a mirror";
  return warning("hub", `${endpoint}: ${reach.reason}`, fix);
}

/** No meter is no fault: figures of energy are left out then. */
export function checkEnergy(where: Omit<EnergyWhere, "platform">): Finding {
  const found = openMeter({ ...where, platform: process.platform });
  if (!isMeter(found)) return skipped("energy", `not measured: ${found.reason}`, found.fix);
  found.close();
  return ok("energy", `measured by ${found.method}: ${found.scope}`);
}
