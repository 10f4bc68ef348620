import { describe, expect, it } from "vitest";
import {
  memoryLimit,
  PROFILE_NAMES,
  PROFILES,
  profileSettings,
} from "../../../src/config/profiles.ts";

const GIB = 2 ** 30;
const PHONE = { cores: 8, cpus: 8, memoryBytes: 8 * GIB };
const SERVER = { cores: 64, cpus: 128, memoryBytes: 256 * GIB };
const CONTAINER = { cores: 1, cpus: 1, memoryBytes: 2 * GIB };

describe("profiles", () => {
  it.each([
    ["mobile", PHONE, 4, 2],
    ["mobile", SERVER, 4, 64],
    ["mobile", CONTAINER, 1, 0.5],
    ["edge", PHONE, 7, 4],
    ["edge", CONTAINER, 1, 1],
    ["server", SERVER, 64, 204.8],
    ["cloud", SERVER, 128, 230.4],
    ["cloud", CONTAINER, 1, 1.8],
  ] as const)("%s on %j: %i threads, %f GiB", (name, machine, threads, gib) => {
    expect(profileSettings(name, machine).threads).toBe(threads);
    expect(memoryLimit(name, machine) / GIB).toBeCloseTo(gib, 6);
  });

  it("go from little to much", () => {
    const batches = PROFILE_NAMES.map((name) => PROFILES[name].batchSize);
    expect(batches).toEqual(batches.toSorted((a, b) => a - b));
    const shares = PROFILE_NAMES.map((name) => PROFILES[name].memoryShare);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  });
});
