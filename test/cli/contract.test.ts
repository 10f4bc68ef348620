import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { HAS_TERMINAL, runCli, runInTerminal } from "../support/cli.ts";
import { contractOf } from "../support/contract.ts";
import { suiteDir } from "../support/temp-dir.ts";

const dir = suiteDir();
/** Nothing is downloaded, and what the user has does not count. */
const ENV = {
  HF_HOME: join(dir, "hf"),
  HF_HUB_OFFLINE: "1",
  XDG_STATE_HOME: join(dir, "state"),
  XDG_CACHE_HOME: join(dir, "cache"),
};
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is sent
const COLOR = /\x1b\[[\d;]*m/;

describe.each(COMMANDS)("$name", ({ name, load }) => {
  const { works, json, input = "" } = contractOf(name);
  const call = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    runCli([name, ...args.map((word) => word.replace(/^DIR/, dir))], {
      input,
      env: { ...ENV, ...env },
    });

  it("explains itself on stdout, in colour where that is asked for", async () => {
    const { status, stdout, stderr } = await call(["--help"], { FORCE_COLOR: "1" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(`Usage:`);
    expect(stdout).toContain("\nExamples:\n");
    expect(stdout).toMatch(COLOR);
  });

  it("prints a result, without colour where NO_COLOR says so", async () => {
    const { status, stdout, stderr } = await call(works, { NO_COLOR: "1", FORCE_COLOR: "1" });
    expect(stderr).not.toMatch(/^error/m);
    expect(status).toBe(0);
    expect(stdout).not.toBe("");
    expect(stdout + stderr).not.toMatch(COLOR);
  });

  it("refuses an unknown option with 2", async () => {
    const { status, stdout, stderr } = await call(["--frobnicate", "--json"]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: unknown option '--frobnicate'\n/);
    const { options } = await load();
    if (!(options as readonly string[]).includes("json")) expect(stdout).toBe("");
    else expect(JSON.parse(stdout).error.code).toBe("E_USAGE");
  });

  it.runIf(json)("--json is a document, and --quiet leaves stderr empty", async () => {
    const { status, stdout, stderr } = await call([...(json ?? []), "--quiet"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^\{[\s\S]*\}\n$/);
    expect(JSON.parse(stdout)).not.toHaveProperty("error");
  });
});

describe.runIf(HAS_TERMINAL)("on a terminal", () => {
  it("NO_COLOR and --no-color keep colour away", async () => {
    const plain = await runInTerminal(["--help"], { env: { NO_COLOR: "1" } });
    expect(plain.stdout).not.toMatch(COLOR);
    expect((await runInTerminal(["--help", "--no-color"])).stdout).not.toMatch(COLOR);
    expect((await runInTerminal(["--help"])).stdout).toMatch(COLOR);
  });
});
