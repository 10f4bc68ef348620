import { availableParallelism, freemem } from "node:os";
import type { CpuReport } from "../engine/binding.ts";
import { loadAddon } from "../engine/load-addon.ts";
import { fromNative } from "../errors.ts";
import { totalMemory } from "./machine.ts";

/** The machine as `info --json` prints it. Fields are only ever added. */
export interface SystemSummary {
  readonly platform: string;
  readonly node: string;
  readonly cpu: {
    readonly brand: string;
    readonly features: readonly string[];
    /** Logical CPUs that this process may use. */
    readonly logicalCpus: number;
  };
  readonly kernels: {
    readonly active: string;
    readonly reason: string;
    readonly targets: CpuReport["targets"];
    /** Whether the active target can hold ternary weights in 1.6 bits. */
    readonly compactWeights: boolean;
  };
  readonly memory: {
    readonly totalBytes: number;
    /** What can be had without swapping, within the limits of a container. */
    readonly availableBytes: number;
  };
}

/** @throws {UsageError} BITNET_KERNEL names no kernel target of this build
 *  @throws {UnsupportedError} it names one that this CPU cannot run
 *  @throws {AddonError} the native engine cannot be loaded */
export function summarizeSystem(): SystemSummary {
  const { brand, features, active, reason, targets, compactWeights } = readCpuReport();
  return {
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    cpu: { brand, features, logicalCpus: availableParallelism() },
    kernels: { active, reason, targets, compactWeights },
    memory: { totalBytes: totalMemory(), availableBytes: availableMemory() },
  };
}

function readCpuReport(): CpuReport {
  const addon = loadAddon();
  try {
    return addon.cpuReport();
  } catch (error) {
    throw fromNative(error);
  }
}

/** Bytes that can be had without swapping. */
export function availableMemory(): number {
  return Math.min(freemem(), process.availableMemory?.() ?? Number.POSITIVE_INFINITY);
}
