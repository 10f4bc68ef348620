import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BIN, runCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { runnableTargets } from "../support/targets.ts";

// What a newcomer sees: no model named, no network.

const PROMPT = "Once upon a time";
const STORY = readFileSync(goldenPath("demo/story.txt"), "utf8");
const TELL = ["run", "-p", PROMPT, "-n", "160", "--temp", "0"];

describe("run without a model", () => {
  test("says in one line what it uses, and where a real model is", async () => {
    const { status, stderr } = await runCli([...TELL, "-n", "1"]);
    expect(status).toBe(0);
    const lines = stderr.split("\n").filter((line) => line.includes("no model named"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/demonstration model.*2B4T/);
  });

  test.each(runnableTargets())("tells the golden story on %s", async (target) => {
    const { status, stdout } = await runCli(TELL, { env: { BITNET_KERNEL: target } });
    expect({ status, stdout }).toEqual({ status: 0, stdout: STORY });
  });

  test.each(["1", "2", "3", "4"])("tells the golden story with %s threads", async (threads) => {
    const { status, stdout } = await runCli([...TELL, "-t", threads]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: STORY });
  });

  test("needs no network", async () => {
    const alone = spawnSync("unshare", ["--user", "--map-root-user", "--net", "true"]);
    if (alone.status !== 0) {
      console.log("skipped: no network namespaces here, so the network could not be taken away");
      return;
    }
    const args = ["--user", "--map-root-user", "--net", process.execPath, BIN, ...TELL];
    const { status, stdout } = spawnSync("unshare", args, { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: STORY });
  });

  test("answers in a chat and stops by itself", async () => {
    const ask = ["run", "-cnv", "-p", "What is 17 + 25?", "--temp", "0"];
    const { status, stdout } = await runCli(ask);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "17 + 25 = 42" });
  });
});
