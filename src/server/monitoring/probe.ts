import { availableParallelism } from "node:os";

/** What can be read of this process and its machine at a moment. */
export interface Probe {
  /** Milliseconds since 1970, by a clock that only goes forward. */
  now(): number;
  rssBytes(): number;
  /** Time that the process has computed so far, on all CPUs. */
  cpuMs(): number;
  readonly cpus: number;
  /** Energy that the machine has taken so far; undefined where no meter shows it. */
  readonly energy: Energy | undefined;
}

export interface Energy {
  /** What the meter covers: `package+dram`. */
  readonly scope: string;
  /** Joules since it was opened. */
  read(): number;
}

/** @param energy  the machine's meter, where it has one */
export function processProbe(energy?: Energy | undefined): Probe {
  return {
    now: () => performance.timeOrigin + performance.now(),
    rssBytes: () => process.memoryUsage.rss(),
    cpuMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    cpus: availableParallelism(),
    energy,
  };
}
