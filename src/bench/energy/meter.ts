/** A counter of energy that the machine keeps. */
export interface EnergyMeter {
  readonly method: "rapl-powercap" | "rapl-perf";
  /** What the counter covers; always the whole machine's use of it, not the process's. */
  readonly scope: string;
  /** Joules since the meter was opened; never less than before, counter wraps included. */
  read(): number;
  close(): void;
}

/** Why nothing is measured, and what mends it, each one line. */
export interface NoMeter {
  readonly reason: string;
  readonly fix: string;
}

/** How energy figures come about. */
export type EnergyMethod = EnergyMeter["method"] | "estimate(user-watts)";

export function isMeter(found: EnergyMeter | NoMeter): found is EnergyMeter {
  return "read" in found;
}

/** Some virtual machines show the counters and count nothing. */
export const STANDS_STILL: NoMeter = {
  reason: "the counters stand still: a virtual machine that shows them and does not count",
  fix: "measure on the bare machine",
};

/** RAPL is a model in the processor that is fed by counters, not an instrument. */
export const RAPL_NOTE =
  "RAPL is the processor's own model of its power, not a reading at the wall; it covers the whole machine's use of the package";
