import { join } from "node:path";
import { cpuShape, modelShape } from "../bench/tune/shape.ts";
import { findTuning, storeTuning, type Tuning } from "../bench/tune/store.ts";
import { openModelSource } from "../checkpoint/open.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import { stateDir } from "../config/paths.ts";
import { bundledModelPath } from "../engine/bundled.ts";
import { loadAddon } from "../engine/load-addon.ts";
import { fileError } from "../gguf/files.ts";
import type { Context } from "./context.ts";
import { locateModel } from "./models/ready.ts";
import type { OptionKey } from "./options.ts";
import { DEFAULT_ORIGIN, type LowSetting } from "./settings.ts";
import { summarizeSystem } from "./system-summary.ts";

/** Where a value comes from that `bitnet tune` found. */
export const TUNED_ORIGIN = "bitnet tune";
const KERNEL_VARIABLE = "BITNET_KERNEL";

function keyOf(source: ModelSource): readonly [path: string, cpu: string, shape: string] {
  const path = join(stateDir(process.env), "tuned.json");
  return [path, cpuShape(summarizeSystem().cpu), modelShape(source)];
}

/** When a model of this shape was tuned on this machine, whatever came out. */
export function tunedOn(source: ModelSource): string | undefined {
  return findTuning(...keyOf(source))?.date;
}

/** What was found to be faster than the defaults for a model on this machine. */
export function tuningFor(source: ModelSource): Tuning | undefined {
  const tuning = findTuning(...keyOf(source));
  if (tuning === undefined || tuning.gain <= 1) return undefined;
  const targets = loadAddon().cpuReport().targets;
  const known = targets.some(({ name, runnable }) => runnable && name === tuning?.kernel);
  return known ? tuning : undefined;
}

/** Remembers a tuning, or forgets it; tells the file.
 *  @throws {NotFoundError} it cannot be written */
export function rememberTuning(source: ModelSource, tuning: Tuning | undefined): string {
  const [path, cpu, shape] = keyOf(source);
  try {
    storeTuning(path, cpu, shape, tuning);
  } catch (error) {
    throw fileError(error, "write", path);
  }
  return path;
}

/** The settings that `bitnet tune` found for a model, or the bundled one; none when it is not there. */
export async function tunedSettings(
  model: string | undefined,
): Promise<ReadonlyMap<OptionKey, LowSetting>> {
  const path =
    model === undefined ? bundledModelPath() : await locateModel(model).catch(() => model);
  const source = await openModelSource(path).catch(() => undefined);
  const tuning = source && tuningFor(source);
  if (tuning === undefined) return new Map();
  const origin = TUNED_ORIGIN;
  return new Map<OptionKey, LowSetting>([
    ["threads", { value: tuning.threads, origin }],
    ["batchSize", { value: tuning.batchSize, origin }],
  ]);
}

interface EngineFlags {
  readonly threads: number | undefined;
  readonly batchSize: number;
}

/** Puts what was tuned in place of built-in defaults, and of nothing else. The kernel target is the
 *  process's from here on. */
export function withTuning(
  { ui, origins }: Pick<Context, "ui" | "origins">,
  source: ModelSource,
  { threads, batchSize }: EngineFlags,
): EngineFlags {
  const tuning = tuningFor(source);
  if (tuning === undefined) return { threads, batchSize };
  const forced = process.env[KERNEL_VARIABLE];
  if (!forced) process.env[KERNEL_VARIABLE] = tuning.kernel;
  const isDefault = (key: "threads" | "batchSize") => origins[key] === DEFAULT_ORIGIN;
  const found = {
    threads: isDefault("threads") ? tuning.threads : threads,
    batchSize: isDefault("batchSize") ? tuning.batchSize : batchSize,
  };
  ui.debug(
    `tuned for this machine: threads ${found.threads}, batches of ${found.batchSize}, ` +
      `kernel target ${forced || tuning.kernel}`,
  );
  return found;
}
