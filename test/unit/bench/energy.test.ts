import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { accountEnergy, type EnergyBasis } from "../../../src/bench/energy/account.ts";
import { type EnergyMeter, isMeter } from "../../../src/bench/energy/meter.ts";
import { openMeter } from "../../../src/bench/energy/open.ts";
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

  it("other systems are refused by name", () => {
    expect(openMeter({ powercap: root, platform: "darwin" })).toMatchObject({
      reason: expect.stringContaining("IOReport"),
    });
    expect(openMeter({ powercap: root, platform: "win32" })).toMatchObject({
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
