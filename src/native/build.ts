import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadAddon, packagedAddon } from "../engine/load-addon.ts";
import {
  cpuIdentity,
  hashFile,
  NATIVE_ADDON,
  NATIVE_MANIFEST,
  type NativeManifest,
} from "../engine/native-build.ts";
import { AddonError } from "../errors.ts";
import { type CompileOptions, compileNative } from "./compile.ts";
import { runTrial, type TrialEnvironment } from "./run-trial.ts";

export interface NativeResult {
  /** Whether the build is used from now on. */
  readonly kept: boolean;
  /** The target that was timed. */
  readonly target: string;
  /** Targets whose logits were compared, bit for bit. */
  readonly checked: readonly string[];
  /** How many times as fast as the packaged addon, for prompts and for tokens one by one. */
  readonly prefillSpeedup: number;
  readonly decodeSpeedup: number;
}

/** Less is noise, and not worth another addon than everybody else's. */
const WORTHWHILE = 1.02;
/** What either of the two may lose at most. */
const NOT_SLOWER = 0.98;

/** Whether prompts and tokens together gain, and neither pays for it. */
export function isFaster({
  prefillSpeedup,
  decodeSpeedup,
}: Pick<NativeResult, "prefillSpeedup" | "decodeSpeedup">): boolean {
  const least = Math.min(prefillSpeedup, decodeSpeedup);
  return prefillSpeedup * decodeSpeedup > WORTHWHILE && least > NOT_SLOWER;
}

/** Rounds in which both are timed, in turns; the median ratio leaves out rounds that something disturbed. */
const ROUNDS = 5;

type BuildOptions = Omit<CompileOptions, "folder"> & {
  /** Where the engine looks for builds of its own; see `useNativeBuilds`. */
  readonly folder: string;
  /** Called before each part of the work that follows the compiler. */
  readonly onStep?: ((step: string) => void) | undefined;
};

/** Compiles the engine for this CPU, proves that it computes the same logits as the packaged one, and
 *  keeps it if it is faster.
 *  @throws {AddonError} it cannot be compiled, or computes other logits: nothing is kept */
export async function buildForThisCpu(options: BuildOptions): Promise<NativeResult> {
  const { folder, env, signal, onStep } = options;
  const packaged = packagedAddon();
  if (packaged === undefined) {
    throw new AddonError("there is nothing to compare with", { hint: "npm run build:native" });
  }
  await drop(folder);
  const build = join(folder, "build");
  await mkdir(build, { recursive: true });
  const addon = await compileNative({ ...options, folder: build });
  const trial = { env, signal };
  onStep?.("comparing all logits, bit for bit");
  const checked = await compareLogits(packaged, addon, trial);
  onStep?.("timing both in turns");
  const times = await timeBoth(packaged, addon, trial);
  const kept = isFaster(times);
  if (kept) await keep(addon, packaged, folder);
  await rm(build, { recursive: true, force: true });
  return { kept, checked, ...times };
}

/** @throws {AddonError} they differ on a target that this CPU runs */
async function compareLogits(
  packaged: string,
  addon: string,
  { env, signal }: TrialEnvironment,
): Promise<readonly string[]> {
  const targets = loadAddon()
    .cpuReport()
    .targets.filter(({ runnable }) => runnable);
  for (const { name } of targets) {
    const where = { env: { ...env, BITNET_KERNEL: name }, signal };
    const [before, after] = [
      await runTrial({ addon: packaged }, where),
      await runTrial({ addon }, where),
    ];
    if (before.hash === after.hash) continue;
    throw new AddonError(`the compiled kernels ${name} compute other logits: they are not kept`, {
      hint: "please report this with the name and version of the compiler",
    });
  }
  return targets.map(({ name }) => name);
}

async function timeBoth(
  packaged: string,
  addon: string,
  trial: TrialEnvironment,
): Promise<Pick<NativeResult, "target" | "prefillSpeedup" | "decodeSpeedup">> {
  const prefill: number[] = [];
  const decode: number[] = [];
  let target = "";
  for (let round = 0; round < ROUNDS; round += 1) {
    const theirs = await runTrial({ addon: packaged, timed: true }, trial);
    const own = await runTrial({ addon, timed: true }, trial);
    target = own.target;
    prefill.push(theirs.prefillMs / own.prefillMs);
    decode.push(theirs.decodeMs / own.decodeMs);
  }
  return { target, prefillSpeedup: median(prefill), decodeSpeedup: median(decode) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The manifest goes first and comes last: without it the addon is not looked at. */
async function drop(folder: string): Promise<void> {
  await rm(join(folder, NATIVE_MANIFEST), { force: true });
  await rm(join(folder, NATIVE_ADDON), { force: true });
}

async function keep(addon: string, packaged: string, folder: string): Promise<void> {
  const path = join(folder, NATIVE_ADDON);
  await copyFile(addon, `${path}.tmp`);
  await rename(`${path}.tmp`, path);
  const manifest: NativeManifest = {
    addon: hashFile(path),
    cpu: cpuIdentity(),
    replaces: hashFile(packaged),
  };
  const file = join(folder, NATIVE_MANIFEST);
  await writeFile(`${file}.tmp`, JSON.stringify(manifest, null, 2));
  await rename(`${file}.tmp`, file);
}
