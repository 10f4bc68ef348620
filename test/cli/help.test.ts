import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runCli, runShell } from "../support/cli.ts";

describe("bitnet --help", () => {
  it("lists the commands on stdout", async () => {
    const { status, stdout, stderr } = await runCli(["--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatchInlineSnapshot();
  });

  it.each([[[]], [["help"]], [["-h"]]])("is also what %j prints", async (args) => {
    expect(await runCli(args)).toEqual(await runCli(["--help"]));
  });

  it("starts quickly", async () => {
    const times: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const startedAt = performance.now();
      await runCli(["--help"]);
      times.push(performance.now() - startedAt);
    }
    const best = Math.min(...times);
    console.log(`bitnet --help: ${best.toFixed(0)} ms (bound: 150 ms on a quiet machine)`);
    expect(best).toBeLessThan(450); // three times the bound: other work runs beside the tests
  });

  it("imports neither spinner nor progress bar nor addon", async () => {
    const { stderr } = await runCli(["--help"], { env: { NODE_DEBUG: "esm" } });
    expect(stderr).not.toMatch(/node_modules\/(ora|cli-progress)|bitnet\.node/);
  });
});

describe("help of the commands", () => {
  it("run", async () => {
    const { status, stdout } = await runCli(["run", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot();
  });

  it("convert", async () => {
    const { status, stdout } = await runCli(["help", "convert"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot();
  });

  it("info", async () => {
    const { status, stdout } = await runCli(["info", "-h"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot();
  });
});

it("--version prints the version of the package", async () => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text);
  expect(await runCli(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  expect((await runCli(["-V"])).stdout).toBe(`${version}\n`);
});

describe("colour", () => {
  const colored = (text: string) => text.includes("\u001b[");

  it("is off in a pipe, and on with FORCE_COLOR", async () => {
    expect(colored((await runCli(["--help"])).stdout)).toBe(false);
    expect(colored((await runCli(["--help"], { env: { FORCE_COLOR: "1" } })).stdout)).toBe(true);
  });

  it("is off with NO_COLOR and --no-color, whatever FORCE_COLOR says", async () => {
    const env = { FORCE_COLOR: "1", NO_COLOR: "x" };
    expect(colored((await runCli(["--help"], { env })).stdout)).toBe(false);
    const flag = await runCli(["--no-color", "--help"], { env: { FORCE_COLOR: "1" } });
    expect(colored(flag.stdout)).toBe(false);
    const wrong = await runCli(["run", "--wrong", "--no-color"], { env: { FORCE_COLOR: "1" } });
    expect(colored(wrong.stderr)).toBe(false);
  });
});

it("a reader that has seen enough is no failure", async () => {
  const { stdout, stderr } = await runShell(
    "set -o pipefail; bitnet run --help | head -c 1; echo status $?",
  );
  expect({ stdout, stderr }).toEqual({ stdout: "Ustatus 0\n", stderr: "" });
});
