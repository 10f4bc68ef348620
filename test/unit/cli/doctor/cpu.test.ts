import { describe, expect, it } from "vitest";
import { type CpuFacts, checkCpu } from "../../../../src/cli/doctor/cpu.ts";
import { checkNode, checkThreads } from "../../../../src/cli/doctor/engine.ts";
import { recommend } from "../../../../src/cli/doctor/recommend.ts";
import { checkMemory } from "../../../../src/cli/doctor/resources.ts";
import { USES } from "../../../../src/cli/doctor/uses.ts";
import { SETTINGS } from "../../../../src/cli/settings.ts";

const BARE: CpuFacts = {
  arch: "x64",
  brand: "AMD EPYC 9R14",
  features: ["avx2", "avx512vnni"],
  flags: new Set(["avx2", "avx512_vnni"]),
};
const found = (facts: Partial<CpuFacts>) =>
  checkCpu({ ...BARE, ...facts }).map(({ check, status }) => `${status} ${check}`);

describe("features of the CPU", () => {
  it("that are all there are fine", () => {
    expect(found({})).toEqual(["ok cpu"]);
    expect(found({ flags: undefined })).toEqual(["ok cpu"]);
    expect(found({ arch: "arm64", brand: "x", features: ["dotprod"], flags: new Set() })).toEqual([
      "ok cpu",
    ]);
  });

  it("that the operating system refuses are told", () => {
    const flags = new Set(["avx2", "avx512_vnni", "amx_int8"]);
    expect(found({ flags })).toEqual(["warning cpu.amx_int8", "ok cpu"]);
  });

  it("that a virtual machine or the BIOS hides are told", () => {
    const few = { features: ["avx2"], flags: new Set(["avx2"]) };
    const [bios] = checkCpu({ ...BARE, ...few });
    expect(bios).toMatchObject({
      check: "cpu.avx512vnni",
      message: "the BIOS hides AVX512-VNNI of AMD EPYC 9R14",
    });
    const [machine] = checkCpu({ ...BARE, ...few, flags: new Set(["avx2", "hypervisor"]) });
    expect(machine).toMatchObject({ fix: expect.stringContaining("-cpu host") });
    const made = { brand: "QEMU Virtual CPU version 2.5+", flags: new Set(["hypervisor"]) };
    expect(found(made)).toEqual(["warning cpu.model", "ok cpu"]);
    expect(found({ ...made, features: [] })).toEqual(["warning cpu.avx2", "ok cpu"]);
  });
});

it("Node, memory and threads", () => {
  expect(["v20.16.0", "v20.17.0", "v18.20.0", "v24.1.0"].map((v) => checkNode(v).status)).toEqual([
    "broken",
    "ok",
    "broken",
    "ok",
  ]);
  expect([2 ** 30, 2 ** 31].map((bytes) => checkMemory(bytes).status)).toEqual(["warning", "ok"]);
  expect([undefined, 4, 5].map((n) => checkThreads(4, n).status)).toEqual(["ok", "ok", "warning"]);
});

it.each(USES)(
  "settings that are advised for %s are settings, with values that they take",
  (use) => {
    const { settings, commands } = recommend(use, 8);
    expect(commands.length).toBeGreaterThan(0);
    for (const [key, value] of Object.entries(settings)) {
      const spec = SETTINGS.get(key);
      expect(spec, key).toBeDefined();
      if (spec?.type) expect(spec.type.parse(String(value)), key).toBe(value);
      else expect(typeof value).toBe("boolean");
    }
  },
);
