import { availableParallelism } from "node:os";
import type { EnergyBasis } from "../bench/energy/account.ts";
import { measureIdleWatts } from "../bench/energy/idle.ts";
import { isMeter, RAPL_NOTE, STANDS_STILL } from "../bench/energy/meter.ts";
import { type EnergyWhere, openMeter } from "../bench/energy/open.ts";
import { type Plan, planBench } from "../bench/plan.ts";
import type { EnergyReport, Machine } from "../bench/report/document.ts";
import { bundledModelPath } from "../engine/bundled.ts";
import { loadAddon } from "../engine/load-addon.ts";
import { defaultThreads } from "../engine/threads.ts";
import { UsageError } from "../errors.ts";
import { fileError } from "../gguf/files.ts";
import { readTextFile } from "../gguf/text.ts";
import type { Context } from "./context.ts";
import { locateModel } from "./models/ready.ts";
import type { OptionKey, OptionValues } from "./options.ts";
import { availableMemory, summarizeSystem } from "./system-summary.ts";

/** Options that say what `bench` measures, and how. */
export const BENCH_PLAN_OPTIONS = [
  "models",
  "nPrompt",
  "nGen",
  "depth",
  "repetitions",
  "prompts",
  "limits",
  "threadCounts",
  "batchSizes",
  "kernel",
  "kvTypes",
  "weightForms",
  "activations",
  "mmap",
] as const satisfies readonly OptionKey[];

type PlanFlags = OptionValues<(typeof BENCH_PLAN_OPTIONS)[number]>;

/** @throws {UsageError} an unknown kernel target, or nothing to measure */
export async function planOf({ origins }: Context, options: PlanFlags): Promise<Plan> {
  // A list of prompts stands alone unless somebody asks for tests beside it.
  const isGiven = origins.nPrompt === "--n-prompt" || origins.depth === "--depth";
  const testsWanted = options.prompts === undefined || isGiven;
  const models = await Promise.all(options.models.map((name) => locateModel(name)));
  const plan = planBench({
    models: models.length > 0 ? models : [bundledModelPath()],
    kernels: kernelsOf(options.kernel),
    threads: options.threadCounts ?? [defaultThreads()],
    batchSizes: options.batchSizes,
    kvTypes: options.kvTypes,
    weights: options.weightForms,
    nPrompt: testsWanted ? options.nPrompt : [],
    nGen: testsWanted ? options.nGen : [],
    depths: options.depth,
    activations: options.activations,
    mmap: options.mmap,
  });
  if (plan.tests.length === 0 && options.prompts === undefined) {
    throw new UsageError("nothing to measure: --n-prompt and --n-gen are both 0", {
      hint: "give one of them, e.g. -p 512 -n 128",
    });
  }
  return plan;
}

const ALL_KERNELS = "all";
/** Its speed says nothing of this CPU. */
const REFERENCE_KERNEL = "scalar";

function kernelsOf(names: readonly string[] | undefined): readonly string[] {
  const { active, targets } = loadAddon().cpuReport();
  if (names === undefined) return [active];
  const runnable = targets.filter((one) => one.runnable).map(({ name }) => name);
  if (names.includes(ALL_KERNELS)) return runnable.filter((name) => name !== REFERENCE_KERNEL);
  for (const name of names) {
    if (runnable.includes(name)) continue;
    throw new UsageError(`--kernel: "${name}" does not run here`, {
      hint: `use some of ${runnable.join(", ")}, or all`,
    });
  }
  return names;
}

export function machineOf(): Machine {
  const { cpu, memory, platform, node } = summarizeSystem();
  return {
    cpu: cpu.brand,
    logicalCpus: availableParallelism(),
    memoryBytes: memory.totalBytes,
    platform,
    node: node.replace(/^v/, ""),
  };
}

const PROBE_BYTES = 512 * 1024 * 1024;
const PROBE_SHARE = 0.25;

/** Memory for the probe of the read bandwidth: far above any cache, and a part of what is free. */
export function probeBytes(): number {
  return Math.floor(Math.min(PROBE_BYTES, PROBE_SHARE * availableMemory()));
}

/** Where energy figures come from in this run. */
export interface EnergyPlan {
  /** For the measuring processes; null where there is nothing to read. */
  readonly where: EnergyWhere | null;
  readonly report: EnergyReport;
}

/** Finds a meter and measures the idle machine; or says what keeps it from that. */
export async function prepareEnergy(
  { ui, signal }: Context,
  { powercap, perfPower, assumeWatts }: OptionValues<"powercap" | "perfPower" | "assumeWatts">,
): Promise<EnergyPlan> {
  if (assumeWatts !== undefined) {
    const basis: EnergyBasis = {
      method: "estimate(user-watts)",
      scope: "assumed",
      idleWatts: null,
      assumedWatts: assumeWatts,
    };
    const note = "estimated from a power that the user assumed, not measured";
    return { where: null, report: { ...basis, measured: false, note } };
  }
  const where: EnergyWhere = { powercap, perfPower, platform: process.platform };
  const meter = openMeter(where);
  if (!isMeter(meter)) return { where: null, report: { measured: false, method: null, ...meter } };
  try {
    const { method, scope } = meter;
    const idleWatts = await ui.spin("measuring the idle machine", "measured the idle machine", () =>
      measureIdleWatts(meter, signal),
    );
    if (idleWatts === 0) {
      return { where: null, report: { measured: false, method: null, ...STANDS_STILL } };
    }
    const basis: EnergyBasis = { method, scope, idleWatts, assumedWatts: null };
    return { where, report: { ...basis, measured: true, note: RAPL_NOTE } };
  } finally {
    meter.close();
  }
}

/** Prompts of a file: one a line, or JSON lines with a `prompt` each.
 *  @throws {UsageError} a line of JSON without a prompt, or no prompt at all */
export async function readPrompts(path: string | undefined): Promise<readonly string[]> {
  if (path === undefined) return [];
  const text = await readTextFile(path).catch((cause: unknown) => {
    throw fileError(cause, "read", path);
  });
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length === 0) throw new UsageError(`${path} holds no prompt`);
  return lines.map((line, i) => (line.startsWith("{") ? promptOf(line, `${path}:${i + 1}`) : line));
}

function promptOf(line: string, where: string): string {
  try {
    const { prompt } = JSON.parse(line) as { prompt?: unknown };
    if (typeof prompt === "string") return prompt;
  } catch {
    // Said below.
  }
  throw new UsageError(`${where}: expected {"prompt": "..."}`);
}
