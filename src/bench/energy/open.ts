import { existsSync } from "node:fs";
import { constants } from "node:os";
import { loadAddon } from "../../engine/load-addon.ts";
import { type EnergyMeter, isMeter, type NoMeter } from "./meter.ts";
import { type OpenCounter, openPerf } from "./perf.ts";
import { openPowercap } from "./powercap.ts";

/** Where to look for meters. */
export interface EnergyWhere {
  /** Folder of the powercap zones. */
  readonly powercap: string;
  /** Folder that describes the perf events of energy. */
  readonly perfPower: string;
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

/** Whoever looks for a meter can do without one: an addon that does not load is others' news. */
function openByAddon(event: Parameters<OpenCounter>[0]): ReturnType<OpenCounter> {
  try {
    return loadAddon().openPerfCounter(event);
  } catch {
    return constants.errno.ENOSYS;
  }
}

/** The best meter of this machine: both read the same counters, one with and one without the right
 *  to read files of root's. */
export function openMeter(
  { powercap, perfPower, platform }: EnergyWhere,
  openCounter: OpenCounter = openByAddon,
): EnergyMeter | NoMeter {
  const unknown = NOT_READ[platform];
  if (unknown) return unknown;
  const byPowercap = openPowercap(powercap);
  if (isMeter(byPowercap)) return byPowercap;
  const byPerf = openPerf(perfPower, openCounter);
  if (isMeter(byPerf)) return byPerf;
  // What is there and refuses can be mended; what is not there is only a reason.
  return existsSync(perfPower) && !existsSync(powercap) ? byPerf : byPowercap;
}
