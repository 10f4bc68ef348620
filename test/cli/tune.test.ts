import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { problemsOf } from "../support/json/check.ts";

const state = mkdtempSync(join(tmpdir(), "bitnet-tune-"));
afterAll(() => rmSync(state, { recursive: true }));
const env = { XDG_STATE_HOME: state };
const FILE = join(state, "bitnet/tuned.json");

async function kernels(): Promise<{
  active: string;
  targets: { name: string; runnable: boolean }[];
}> {
  const { stdout } = await runCli(["info", "--json"]);
  return JSON.parse(stdout).kernels ?? JSON.parse(stdout).system.kernels;
}

/** Settings as `info --config` tells them, by key. */
async function config(extra: Record<string, string> = {}, ...args: string[]) {
  const { stdout } = await runCli(["info", "--config", "--json", ...args], {
    env: { ...env, ...extra },
  });
  const settings: { key: string; value: unknown; origin: string }[] = JSON.parse(stdout).settings;
  return new Map(settings.map(({ key, value, origin }) => [key, `${value} ${origin}`]));
}

/** Writes what a tuning of the bundled model would have found, under the key that `tune` uses. */
async function remember(tuning: object): Promise<void> {
  const { stdout } = await runCli(["info", "--json"]);
  const { brand, logicalCpus } = JSON.parse(stdout).system.cpu;
  const shape = "bitnet-b1.58, 8x256x768, heads 4/2x64, vocabulary 2048 f16";
  const tunings = { [`${brand}, ${logicalCpus} CPUs`]: { [shape]: tuning } };
  mkdirSync(join(state, "bitnet"), { recursive: true });
  writeFileSync(FILE, JSON.stringify({ schema: "bitnet-tuned/1", tunings }));
}

describe("bitnet tune", () => {
  it("measures, says what came out, and remembers it or not", { timeout: 120_000 }, async () => {
    const { active } = await kernels();
    const only = { ...env, BITNET_KERNEL: active };
    const { status, stdout, stderr } = await runCli(["tune", "--budget", "5s", "--json"], {
      env: only,
    });
    if (status !== 0) expect.unreachable(stderr);
    const result = JSON.parse(stdout);
    expect(problemsOf("tune", result)).toEqual([]);
    expect(result.file).toBe(FILE);
    expect(result.defaults).toMatchObject({ batchSize: 512, kernel: active });
    const settings = result.stages.map(({ setting }: { setting: string }) => setting);
    expect(settings.at(-1)).toBe("batchSize");
    expect(stderr).toMatch(/^batch size +prompt tok\/s +generated tok\/s$/m);
    // Which it is depends on the machine; what is said must agree with what is kept.
    const kept = JSON.parse(readFileSync(FILE, "utf8")).tunings;
    const [ofModel] = Object.values(kept).flatMap((one) => Object.values(one as object));
    if (result.tuned === null) expect(ofModel).toMatchObject({ ...result.defaults, gain: 1 });
    else expect(ofModel).toMatchObject(result.tuned);
  });

  it("is used by run, below flags and variables, and told by info --config", async () => {
    const { targets } = await kernels();
    expect(targets.some(({ name, runnable }) => name === "scalar" && runnable)).toBe(true);
    await remember({ threads: 1, batchSize: 37, kernel: "scalar", gain: 2, date: "2026-01-01" });
    const told = await config();
    expect(told.get("threads")).toBe("1 bitnet tune");
    expect(told.get("batchSize")).toBe("37 bitnet tune");
    const set = await config({ BITNET_BATCH_SIZE: "64" });
    expect(set.get("batchSize")).toBe("64 BITNET_BATCH_SIZE");

    const run = (...args: string[]) =>
      runCli(["run", "-p", "Once", "-n", "2", "--temp", "0", "-v", ...args], { env });
    const tuned = await run();
    expect(tuned.stderr).toContain(
      "tuned for this machine: threads 1, batches of 37, kernel target scalar",
    );
    const flagged = await run("-b", "8");
    expect(flagged.stderr).toContain("threads 1, batches of 8,");
    expect(flagged.stdout).toBe(tuned.stdout);
  });

  it("is not used where nothing was found to be faster", async () => {
    await remember({ threads: 1, batchSize: 37, kernel: "scalar", gain: 1, date: "2026-01-01" });
    expect((await config()).get("batchSize")).toBe("512 default");
  });

  it("refuses a budget of nothing", async () => {
    const { status, stderr } = await runCli(["tune", "--budget", "soon"]);
    expect(status).toBe(2);
    expect(stderr).toContain("--budget expects a duration above 0 such as 30s or 5m");
  });

  it("--forget goes back to the defaults", async () => {
    await remember({ threads: 1, batchSize: 37, kernel: "scalar", gain: 2, date: "2026-01-01" });
    expect(await runCli(["tune", "-q", "--forget"], { env })).toEqual({
      status: 0,
      stdout: "forgotten\n",
      stderr: "",
    });
    expect((await config()).get("batchSize")).toBe("512 default");
  });
});

describe("--profile", () => {
  it("stands below flags and settings, above what was tuned", async () => {
    await remember({ threads: 1, batchSize: 37, kernel: "scalar", gain: 2, date: "2026-01-01" });
    const told = await config({ BITNET_PROFILE: "mobile", BITNET_KV_TYPE: "bf16" });
    expect(told.get("batchSize")).toBe("64 --profile mobile");
    expect(told.get("kvType")).toBe("bf16 BITNET_KV_TYPE");
    expect(told.get("profile")).toBe("mobile BITNET_PROFILE");
  });

  it("changes how a model runs, and not whether", async () => {
    const { status, stdout } = await runCli([
      ...["run", "-q", "-p", "Once", "-n", "4", "--temp", "0", "--profile", "edge"],
    ]);
    expect(status).toBe(0);
    expect(stdout.length).toBeGreaterThan(0);
  });

  it("unknown ones are refused", async () => {
    const { status, stderr } = await runCli(["run", "-p", "x", "--profile", "phone"]);
    expect(status).toBe(2);
    expect(stderr).toContain("--profile expects one of mobile, edge, server, cloud");
  });

  it("info prints what each would do here", async () => {
    const { stdout } = await runCli(["info"]);
    expect(stdout).toMatch(/^Profiles \(--profile\)\n {2}name +threads +batch +context +memory/m);
    const { profiles } = JSON.parse((await runCli(["info", "--json"])).stdout);
    expect(profiles.map(({ name }: { name: string }) => name)).toEqual([
      ...["mobile", "edge", "server", "cloud"],
    ]);
    for (const { threads, memoryLimitBytes } of profiles) {
      expect(threads).toBeGreaterThan(0);
      expect(memoryLimitBytes).toBeGreaterThan(0);
    }
  });
});
