import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { finish, runCli, runShell, startCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";

// Every kernel target runs the bundled model in a process of its own.
vi.setConfig({ testTimeout: 120_000 });

const MODEL = goldenPath("gguf/a.i2_s.gguf");
const folder = mkdtempSync(join(tmpdir(), "bitnet-doctor-"));
afterAll(() => rmSync(folder, { recursive: true }));
const OFFLINE = { HF_HUB_OFFLINE: "1", HF_HOME: folder };

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly message: string;
  readonly fix?: string;
}

async function doctor(args: readonly string[], env: Record<string, string> = OFFLINE) {
  const { status, stdout, stderr } = await runCli(["doctor", "--json", ...args], { env });
  const { findings, ...rest } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
  const find = (check: string) => findings.find((one) => one.check === check);
  return { status, stderr, findings, rest, find };
}

describe("a machine that is well", () => {
  it("exits with 0, and every finding that is not fine has its fix", async () => {
    const { status, findings, rest, find } = await doctor([MODEL, "--recommend", "edge"]);
    expect(findings.filter((one) => one.status === "broken")).toEqual([]);
    expect(status).toBe(0);
    const kernels = findings.filter(({ check }) => check.startsWith("kernel."));
    expect(kernels[0]?.check).toBe("kernel.scalar");
    expect(kernels.every((one) => one.status === "ok")).toBe(true);
    for (const check of ["node", "addon", "cpu", "threads", "memory", "cache", "disk", "hub"]) {
      expect(find(check), check).toBeDefined();
    }
    expect(find("hub")).toEqual({
      check: "hub",
      status: "skipped",
      message: "HF_HUB_OFFLINE is set: models come from the cache alone",
    });
    for (const one of findings) expect(one.status === "warning" && !one.fix).toBe(false);
    expect(rest).toMatchObject({
      summary: { broken: 0 },
      recommendation: { use: "edge", settings: { kvType: "int8" } },
    });
  });

  it("has a line for each finding, and the fix below it", async () => {
    const { status, stdout, stderr } = await runCli(["doctor", MODEL], { env: OFFLINE });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^ok {7}node: Node v/);
    expect(stdout).toMatch(/\nskipped {2}layout: .*\n {9}fix: bitnet doctor .* --probe\n/);
    expect(stdout).toMatch(/\n\d+ fine, \d+ warnings, 0 broken, \d+ skipped\n$/);
  });
});

describe("what is broken", () => {
  it("a damaged model: exit 1", async () => {
    const file = join(folder, "bad.gguf");
    writeFileSync(file, "not a model");
    const { status, find } = await doctor([file]);
    expect(status).toBe(1);
    expect(find(`model.${file}`)).toMatchObject({
      status: "broken",
      message: expect.stringContaining("not a GGUF file"),
      fix: expect.any(String),
    });
  });

  it("a kernel target that this CPU does not have: exit 1, and the rest is still told", async () => {
    const { status, find } = await doctor([MODEL], { ...OFFLINE, BITNET_KERNEL: "nothing" });
    expect(status).toBe(1);
    expect(find("addon")).toMatchObject({ status: "broken" });
    expect(find("memory")).toBeDefined();
  });
});

it("SIGINT ends it with 130", async () => {
  const child = startCli(["doctor", MODEL], { env: OFFLINE });
  const finished = finish(child);
  child.stdout?.once("data", () => child.kill("SIGINT"));
  expect((await finished).status).toBe(130);
});

it("a reader that goes away ends it quietly with status 0", async () => {
  const { stdout, stderr } = await runShell(
    `bitnet doctor ${MODEL} | head -n 1 | wc -l; echo "status \${PIPESTATUS[0]}"`,
    { env: OFFLINE },
  );
  expect(stdout.split("\n").map((line) => line.trim())).toEqual(["1", "status 0", ""]);
  expect(stderr).toBe("");
});
