import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { accountEnergy, type EnergyBasis } from "../../../src/bench/energy/account.ts";
import { type EnergyMeter, isMeter } from "../../../src/bench/energy/meter.ts";
import { openMeter } from "../../../src/bench/energy/open.ts";
import { type OpenCounter, openPerf } from "../../../src/bench/energy/perf.ts";
import { openPowercap } from "../../../src/bench/energy/powercap.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "bitnet-powercap-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const RANGE = 1_000_000;

/** A zone with its counter at `uj`. */
function zone(folder: string, name: string, uj: number): void {
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, "name"), `${name}\n`);
  writeFileSync(join(root, folder, "max_energy_range_uj"), `${RANGE}\n`);
  set(folder, uj);
}

function set(folder: string, uj: number): void {
  writeFileSync(join(root, folder, "energy_uj"), `${uj}\n`);
}

function open(): EnergyMeter {
  const found = openPowercap(root);
  if (!isMeter(found)) throw new Error(found.reason);
  return found;
}

describe("powercap", () => {
  it("adds packages and memory, and nothing twice", () => {
    zone("intel-rapl", "intel-rapl", 0);
    zone("intel-rapl:0", "package-0", 0);
    zone("intel-rapl:0:0", "core", 0);
    zone("intel-rapl:0:1", "uncore", 0);
    zone("intel-rapl:0:2", "dram", 0);
    zone("intel-rapl:1", "package-1", 0);
    zone("intel-rapl:2", "psys", 0);
    zone("intel-rapl-mmio:0", "package-0", 0);
    const meter = open();
    expect(meter.scope).toBe("package+dram");
    for (const folder of [
      "intel-rapl:0:0",
      "intel-rapl:0:1",
      "intel-rapl:2",
      "intel-rapl-mmio:0",
    ]) {
      set(folder, 500_000);
    }
    expect(meter.read()).toBe(0);
    set("intel-rapl:0", 100_000);
    set("intel-rapl:1", 20_000);
    set("intel-rapl:0:2", 3000);
    expect(meter.read()).toBeCloseTo(0.123, 9);
    meter.close();
  });

  it("goes on over a counter that starts again, more than once", () => {
    zone("intel-rapl:0", "package-0", 900_000);
    const meter = open();
    set("intel-rapl:0", 100_000);
    expect(meter.read()).toBeCloseTo(0.2, 9);
    set("intel-rapl:0", 50_000);
    expect(meter.read()).toBeCloseTo(1.15, 9);
    meter.close();
  });

  it("takes the whole platform where no package is counted", () => {
    zone("intel-rapl:0", "psys", 0);
    const meter = open();
    expect(meter.scope).toBe("psys");
    meter.close();
  });

  it("refuses by name: no folder, no package, no permission", () => {
    expect(openPowercap(join(root, "none"))).toMatchObject({
      reason: expect.stringContaining("a virtual machine"),
    });
    expect(openPowercap(root)).toEqual({
      reason: `no RAPL package under ${root}`,
      fix: "sudo modprobe intel_rapl_msr",
    });
    zone("intel-rapl:0", "package-0", 0);
    chmodSync(join(root, "intel-rapl:0/energy_uj"), 0);
    const found = openPowercap(root);
    // Root may read everything.
    if (process.getuid?.() === 0) expect(isMeter(found)).toBe(true);
    else expect(found).toMatchObject({ fix: expect.stringMatching(/^sudo chmod a\+r /) });
    if (isMeter(found)) found.close();
  });

  it("takes the cores alone where nothing else is counted", () => {
    zone("intel-rapl:0", "unknown", 0);
    zone("intel-rapl:0:0", "core", 0);
    const meter = open();
    expect(meter.scope).toBe("core");
    meter.close();
  });
});

/** The files of a perf device whose only package is read on CPU 0 and 8. */
function perfDevice(...events: string[]): void {
  mkdirSync(join(root, "events"), { recursive: true });
  writeFileSync(join(root, "type"), "21\n");
  writeFileSync(join(root, "cpumask"), "0,8\n");
  for (const [i, event] of events.entries()) {
    writeFileSync(join(root, "events", event), `event=0x0${i + 1}\n`);
    writeFileSync(join(root, "events", `${event}.unit`), "Joules\n");
    writeFileSync(join(root, "events", `${event}.scale`), "0.5\n");
  }
}

describe("perf events", () => {
  it("adds packages and memory on each CPU of the mask, in joules", () => {
    perfDevice("energy-cores", "energy-pkg", "energy-ram", "energy-gpu");
    const opened: object[] = [];
    const found = openPerf(root, (event) => {
      opened.push(event);
      return { read: () => event.config * 10 + event.cpu, close: () => void opened.pop() };
    });
    if (!isMeter(found)) throw new Error(found.reason);
    expect(found).toMatchObject({ method: "rapl-perf", scope: "package+dram" });
    const at = (config: number, cpu: number) => ({ type: 21, config, cpu });
    expect(opened).toEqual([at(2, 0), at(2, 8), at(3, 0), at(3, 8)]);
    expect(found.read()).toBe((20 + 28 + 30 + 38) / 2);
    found.close();
    expect(opened).toEqual([]);
  });

  it("refuses by name: no device, no event, other units, no permission", () => {
    const refuses = (errno: number) => openPerf(root, () => errno);
    expect(refuses(0)).toMatchObject({
      reason: `no ${join(root, "type")}: the kernel has no perf events of energy`,
    });
    perfDevice("energy-gpu");
    const none = { reason: `no event of energy under ${root}`, fix: "sudo modprobe rapl" };
    expect(refuses(0)).toEqual(none);
    perfDevice("energy-pkg");
    expect(refuses(constants.errno.EACCES)).toMatchObject({
      reason: expect.stringContaining("not permitted"),
      fix: expect.stringMatching(/^sudo sysctl kernel\.perf_event_paranoid=0, or sudo setcap /),
    });
    expect(refuses(constants.errno.ENODEV)).toMatchObject({
      reason: "perf events of energy cannot be opened (ENODEV)",
    });
    writeFileSync(join(root, "events", "energy-pkg.unit"), "Furlongs\n");
    expect(refuses(0)).toEqual(none);
  });

  it("closes what was open when the next is refused", () => {
    perfDevice("energy-pkg");
    let open = 0;
    const close = () => {
      open -= 1;
    };
    const found = openPerf(root, ({ cpu }) => {
      if (cpu > 0) return constants.errno.EPERM;
      open += 1;
      return { read: () => 0, close };
    });
    expect(isMeter(found)).toBe(false);
    expect(open).toBe(0);
  });
});

describe("openMeter", () => {
  const none = join(tmpdir(), "bitnet-none");
  const opener = (answer: ReturnType<OpenCounter>) => () => answer;
  const counter = { read: () => 0, close: () => undefined };
  const linux = { platform: "linux" } as const;

  it("prefers powercap, then perf events", () => {
    perfDevice("energy-pkg");
    const where = { ...linux, powercap: none, perfPower: root };
    expect(openMeter(where, opener(counter))).toMatchObject({ method: "rapl-perf" });
    zone("intel-rapl:0", "package-0", 0);
    const both = openMeter({ ...where, powercap: root }, opener(counter));
    expect(both).toMatchObject({ method: "rapl-powercap" });
    if (isMeter(both)) both.close();
  });

  it("gives the reason of what is there", () => {
    perfDevice("energy-pkg");
    const where = { ...linux, powercap: none };
    const refused = opener(constants.errno.EACCES);
    expect(openMeter({ ...where, perfPower: root }, refused)).toMatchObject({
      reason: expect.stringContaining("not permitted"),
    });
    expect(openMeter({ ...where, perfPower: none }, refused)).toMatchObject({
      reason: expect.stringContaining("a virtual machine"),
    });
  });

  it("refuses other systems by name", () => {
    const where = { powercap: root, perfPower: root };
    expect(openMeter({ ...where, platform: "darwin" })).toMatchObject({
      reason: expect.stringContaining("IOReport"),
    });
    expect(openMeter({ ...where, platform: "win32" })).toMatchObject({
      reason: expect.stringContaining("Windows"),
    });
  });
});

describe("accountEnergy", () => {
  const METER: EnergyBasis = {
    method: "rapl-powercap",
    scope: "package",
    idleWatts: 10,
    assumedWatts: null,
  };
  const SAMPLES = [
    { seconds: 1, tokens: 10, joules: 50 },
    { seconds: 1, tokens: 10, joules: 60 },
  ];

  it("gives gross and net", () => {
    expect(accountEnergy(SAMPLES, METER)).toMatchObject({
      estimate: false,
      seconds: 2,
      grossJoules: 110,
      netJoules: 90,
      watts: 55,
      netJoulesPerToken: 4.5,
      joulesPerToken: { median: 5.5, samples: [5, 6] },
    });
  });

  it("refuses what is shorter than a second", () => {
    expect(accountEnergy([{ seconds: 0.4, tokens: 5, joules: 9 }], METER)).toEqual({
      reason: "too short: 0.40 s in all repetitions, 1 s are needed",
    });
  });

  it("marks what was assumed, whatever a meter says", () => {
    const basis = { ...METER, method: "estimate(user-watts)", assumedWatts: 20, idleWatts: null };
    expect(accountEnergy(SAMPLES, basis as EnergyBasis)).toMatchObject({
      estimate: true,
      grossJoules: 40,
      netJoules: null,
      netJoulesPerToken: null,
    });
  });
});
