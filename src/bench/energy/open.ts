import type { EnergyMeter, NoMeter } from "./meter.ts";
import { openPowercap } from "./powercap.ts";

/** Where to look for meters. */
export interface EnergyWhere {
  /** Folder of the powercap zones. */
  readonly powercap: string;
  readonly platform: NodeJS.Platform;
}

const NOT_READ: Readonly<Partial<Record<NodeJS.Platform, NoMeter>>> = {
  darwin: {
    reason: "macOS shows its counters by IOReport, which is not read here",
    fix: "run `sudo powermetrics --samplers cpu_power` beside the benchmark",
  },
  win32: {
    reason: "Windows offers no interface to RAPL",
    fix: "measure under Linux on the bare machine",
  },
};

/** The best meter of this machine. */
export function openMeter({ powercap, platform }: EnergyWhere): EnergyMeter | NoMeter {
  return NOT_READ[platform] ?? openPowercap(powercap);
}
