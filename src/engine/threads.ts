import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

const CPU_FOLDER = "/sys/devices/system/cpu";

/** Threads that serve best without tuning: one per physical core that this process may use. Two
 *  threads on one core share its vector units and its memory port, and slow each other down. */
export function defaultThreads(): number {
  const usable = availableParallelism();
  return Math.max(1, Math.min(usable, physicalCores() ?? usable));
}

/** Physical cores of the machine, where the system tells (Linux). */
function physicalCores(): number | undefined {
  try {
    const cores = readdirSync(CPU_FOLDER)
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) =>
        readFileSync(`${CPU_FOLDER}/${name}/topology/thread_siblings_list`, "utf8").trim(),
      );
    return new Set(cores).size || undefined;
  } catch {
    return undefined;
  }
}
