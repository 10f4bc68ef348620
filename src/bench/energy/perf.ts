import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getSystemErrorName } from "node:util";
import type { Addon, AddonPerfCounter } from "../../engine/binding.ts";
import type { EnergyMeter, NoMeter } from "./meter.ts";
import { chooseDomains } from "./scope.ts";

/** Where Linux describes the RAPL counters as perf events. */
export const PERF_DIR = "/sys/bus/event_source/devices/power";

/** Opens a counter, or says why not by the system's error number. */
export type OpenCounter = Addon["openPerfCounter"];

/** A kind of energy that the processor counts. */
interface PerfEvent {
  readonly name: string;
  readonly config: number;
  readonly joulesPerCount: number;
}

/** The names of RAPL's domains in powercap, for those of its events. */
const DOMAINS: Readonly<Record<string, string>> = {
  "energy-pkg": "package",
  "energy-ram": "dram",
  "energy-psys": "psys",
  "energy-cores": "core",
};

/** Opens the events of all packages, and of their memory where it is counted apart. */
export function openPerf(root: string, open: OpenCounter): EnergyMeter | NoMeter {
  const device = describeDevice(root);
  if ("reason" in device) return device;
  const { chosen, scope } = chooseDomains(device.events);
  if (chosen.length === 0) {
    return { reason: `no event of energy under ${root}`, fix: "sudo modprobe rapl" };
  }
  const opened: Counter[] = [];
  for (const { config, joulesPerCount } of chosen) {
    for (const cpu of device.cpus) {
      const counter = open({ type: device.type, config, cpu });
      if (typeof counter === "number") {
        for (const one of opened) one.counter.close();
        return refusal(getSystemErrorName(-counter));
      }
      opened.push({ counter, joulesPerCount });
    }
  }
  return new PerfMeter(opened, scope);
}

interface Device {
  readonly type: number;
  /** One CPU for each part of the machine that counts for itself. */
  readonly cpus: readonly number[];
  readonly events: readonly PerfEvent[];
}

function describeDevice(root: string): Device | NoMeter {
  try {
    return {
      type: Number(readText(join(root, "type"))),
      cpus: parseCpuList(readText(join(root, "cpumask"))),
      events: readdirSync(join(root, "events")).flatMap((file) => describeEvent(root, file) ?? []),
    };
  } catch (error) {
    const { path = root, code } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? `no ${path}` : `${path} cannot be read (${code ?? error})`;
    return { reason: `${reason}: the kernel has no perf events of energy`, fix: MODULE_FIX };
  }
}

const MODULE_FIX = "measure on the bare machine, with the kernel module rapl loaded";

/** Undefined for files beside the events, and for what is not counted in joules. */
function describeEvent(root: string, file: string): PerfEvent | undefined {
  const name = DOMAINS[file];
  if (name === undefined) return undefined;
  const config = /^event=(0x[0-9a-f]+)$/i.exec(readText(join(root, "events", file)))?.[1];
  const unit = readText(join(root, "events", `${file}.unit`));
  const joulesPerCount = Number(readText(join(root, "events", `${file}.scale`)));
  if (config === undefined || unit !== "Joules" || !(joulesPerCount > 0)) return undefined;
  return { name, config: Number(config), joulesPerCount };
}

function refusal(code: string): NoMeter {
  if (code !== "EACCES" && code !== "EPERM") {
    return { reason: `perf events of energy cannot be opened (${code})`, fix: MODULE_FIX };
  }
  const fix =
    "sudo sysctl kernel.perf_event_paranoid=0, or sudo setcap cap_perfmon+ep on the program `node`";
  return { reason: "perf events of the whole machine are not permitted to this user", fix };
}

interface Counter {
  readonly counter: AddonPerfCounter;
  readonly joulesPerCount: number;
}

/** The kernel widens the processor's counters to 64 bits, which last for decades. */
class PerfMeter implements EnergyMeter {
  readonly method = "rapl-perf";
  readonly scope: string;
  readonly #counters: readonly Counter[];

  constructor(counters: readonly Counter[], scope: string) {
    this.scope = scope;
    this.#counters = counters;
  }

  read(): number {
    return this.#counters.reduce(
      (joules, { counter, joulesPerCount }) => joules + counter.read() * joulesPerCount,
      0,
    );
  }

  close(): void {
    for (const { counter } of this.#counters) counter.close();
  }
}

/** `0,24` or `0-3`, as the kernel writes sets of CPUs. */
function parseCpuList(text: string): readonly number[] {
  return text.split(",").flatMap((range) => {
    const [from = 0, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

function readText(path: string): string {
  return readFileSync(path, "utf8").trim();
}
