import type { ModelSource } from "../checkpoint/source.ts";
import {
  memoryLimit,
  PROFILE_NAMES,
  PROFILES,
  type Profile,
  type ProfileName,
  profileSettings,
} from "../config/profiles.ts";
import type { KvType, WeightForm } from "../engine/binding.ts";
import { hparamsOf } from "../engine/hparams.ts";
import { kvPositionBytes } from "../engine/loaded-bytes.ts";
import type { Model } from "../engine/model.ts";
import { ResourceError } from "../errors.ts";
import { formatBytes } from "../ui/format.ts";
import { machineSize } from "./machine.ts";
import { planMemory } from "./memory-plan.ts";

/** What a profile would do on this machine, as `info --json` prints it. */
export interface ProfileReport {
  readonly name: ProfileName;
  readonly summary: string;
  readonly threads: number;
  readonly batchSize: number;
  readonly weights: WeightForm;
  readonly kvType: KvType;
  /** Null: the model's own. */
  readonly contextTokens: number | null;
  readonly memoryLimitBytes: number;
}

export function reportProfiles(machine = machineSize()): readonly ProfileReport[] {
  return PROFILE_NAMES.map((name) => ({
    name,
    summary: PROFILES[name].summary,
    ...profileSettings(name, machine),
    contextTokens: PROFILES[name].context,
    memoryLimitBytes: memoryLimit(name, machine),
  }));
}

interface MemoryFlags {
  readonly profile: ProfileName | undefined;
  readonly kvType: KvType;
  readonly weights: WeightForm;
  readonly batchSize: number;
  readonly headCopy: boolean;
}

/** A conversation in less is none. */
const LEAST_CONTEXT = 256;
const KV_CHUNK_TOKENS = 64;

/** @param usedBytes  memory that others take of what the profile allows
 *  @throws {ResourceError} the model is too large for the profile, before anything is loaded */
export function checkProfileMemory(source: ModelSource, flags: MemoryFlags, usedBytes = 0): void {
  const { profile, kvType, weights, batchSize, headCopy } = flags;
  if (profile === undefined) return;
  const hparams = hparamsOf(source.metadata);
  const availableBytes = memoryLimit(profile, machineSize()) - usedBytes;
  const contextLength = Math.min(LEAST_CONTEXT, hparams.contextLength);
  const options = { kvType, weights, batchSize, headCopy, contextLength, availableBytes };
  const plan = planMemory(source, hparams, options);
  if (!plan.fits) throw tooLarge(profile, plan.totalBytes, availableBytes);
}

/** The longest context window that profile, model and memory allow to each of so many sequences;
 *  undefined without a profile. */
export function profileContext(
  profile: ProfileName | undefined,
  kvType: KvType,
  model: Model,
  sequences = 1,
): number | undefined {
  if (profile === undefined) return undefined;
  const { context }: Profile = PROFILES[profile];
  const limit = memoryLimit(profile, machineSize());
  const { weightBytes, activationBytes } = model.memory();
  const left = limit - weightBytes - activationBytes;
  const chunkBytes = KV_CHUNK_TOKENS * kvPositionBytes(model.hparams, kvType);
  const positions = KV_CHUNK_TOKENS * Math.floor(left / sequences / chunkBytes);
  const longest = model.hparams.contextLength;
  return Math.max(
    Math.min(positions, context ?? longest, longest),
    Math.min(LEAST_CONTEXT, longest),
  );
}

function tooLarge(profile: ProfileName, needed: number, allowed: number): ResourceError {
  const [needs, has] = [formatBytes(needed), formatBytes(allowed)];
  return new ResourceError(
    `the model needs ${needs}, and --profile ${profile} allows ${has} here`,
    {
      hint: "choose another profile (bitnet info shows them) or a smaller model",
    },
  );
}
