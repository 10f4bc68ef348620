import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EnergyMeter, NoMeter } from "./meter.ts";
import { chooseDomains } from "./scope.ts";

/** Where Linux shows the RAPL counters of Intel and AMD processors. */
export const POWERCAP_DIR = "/sys/class/powercap";

/** Zones of the control type `intel-rapl`; `intel-rapl-mmio` shows the same packages once more. */
const ZONE = /^intel-rapl:\d+(:\d+)?$/;
/** Often enough to see every wrap: the shortest known takes a minute at full power. */
const POLL_MS = 10_000;
const MICRO = 1e-6;

interface Zone {
  readonly folder: string;
  readonly name: string;
}

/** Opens the counters of all packages, and of their memory where it is counted apart. */
export function openPowercap(root: string): EnergyMeter | NoMeter {
  const zones = listZones(root);
  if (zones === undefined) {
    return {
      reason: `no ${root}: a virtual machine, a container or a processor without RAPL`,
      fix: "measure on the bare machine, with the kernel module intel_rapl_msr loaded",
    };
  }
  const { chosen, scope } = chooseDomains(zones);
  if (chosen.length === 0) {
    return {
      reason: `no RAPL package under ${root}`,
      fix: "sudo modprobe intel_rapl_msr",
    };
  }
  try {
    return new PowercapMeter(chosen, scope);
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM") {
      return { reason: `${path ?? root} cannot be read (${code ?? error})`, fix: "run as root" };
    }
    return {
      reason: `${join(root, "intel-rapl:*", "energy_uj")} is readable by root only`,
      fix: `sudo chmod a+r ${join(root, "intel-rapl:*", "energy_uj")}`,
    };
  }
}

function listZones(root: string): readonly Zone[] | undefined {
  try {
    return readdirSync(root)
      .filter((folder) => ZONE.test(folder))
      .sort()
      .map((folder) => {
        return { folder: join(root, folder), name: readText(join(root, folder, "name")) };
      });
  } catch {
    return undefined;
  }
}

class PowercapMeter implements EnergyMeter {
  readonly method = "rapl-powercap";
  readonly scope: string;
  readonly #counters: readonly Counter[];
  readonly #timer: NodeJS.Timeout;

  constructor(zones: readonly Zone[], scope: string) {
    this.scope = scope;
    this.#counters = zones.map(({ folder }) => new Counter(folder));
    this.#timer = setInterval(() => this.read(), POLL_MS).unref();
  }

  read(): number {
    return this.#counters.reduce((joules, counter) => joules + counter.read(), 0);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** One counter in microjoules, which starts over at `max_energy_range_uj`. */
class Counter {
  readonly #file: string;
  readonly #range: number;
  #last: number;
  #total = 0;

  constructor(folder: string) {
    this.#file = join(folder, "energy_uj");
    this.#range = Number(readText(join(folder, "max_energy_range_uj")));
    this.#last = Number(readText(this.#file));
  }

  read(): number {
    const now = Number(readText(this.#file));
    const wrapped = now < this.#last;
    this.#total += wrapped ? now + this.#range - this.#last : now - this.#last;
    this.#last = now;
    return this.#total * MICRO;
  }
}

function readText(path: string): string {
  return readFileSync(path, "utf8").trim();
}
