import { availableParallelism, totalmem } from "node:os";
import type { MachineSize } from "../config/profiles.ts";
import { defaultThreads } from "../engine/threads.ts";

/** What this machine offers to this process. */
export function machineSize(): MachineSize {
  return { cores: defaultThreads(), cpus: availableParallelism(), memoryBytes: totalMemory() };
}

/** Bytes of memory, within the limits of a container. */
export function totalMemory(): number {
  // Without a limit, Node reports a number beyond all bounds.
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(totalmem(), limit) : totalmem();
}
