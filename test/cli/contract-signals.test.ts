import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { finish, startCli, whenItReads } from "../support/cli.ts";
import { type Busy, contractOf } from "../support/contract.ts";
import { suiteDir } from "../support/temp-dir.ts";

const dir = suiteDir();
/** A hub that never answers. */
let hub: Server;
let env: Record<string, string>;
beforeAll(async () => {
  hub = createServer(() => undefined);
  await once(hub.listen(0, "127.0.0.1"), "listening");
  env = {
    HF_ENDPOINT: `http://127.0.0.1:${(hub.address() as AddressInfo).port}`,
    HF_HOME: join(dir, "hf"),
    XDG_STATE_HOME: join(dir, "state"),
  };
});
afterAll(() => {
  hub.closeAllConnections();
  hub.close();
});

const BUSY = COMMANDS.flatMap(({ name }): [string, Busy][] => {
  const { busy } = contractOf(name);
  return busy ? [[name, busy]] : [];
});

async function hasBegun(child: ChildProcess, { begins }: Busy): Promise<void> {
  if (begins === "reads") return whenItReads(child);
  if (begins === "hub") {
    await once(hub, "request");
    return;
  }
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on("data", (text) => {
      said += text;
      if (begins.test(said)) resolve();
    });
    child.on("close", () => reject(new Error(`it ended: ${said}`)));
  });
}

describe.each(BUSY)("%s, while it works", { timeout: 60_000 }, (name, busy) => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends it with %i", async (signal, code) => {
    const child = startCli([name, ...busy.args], { env });
    const ended = finish(child);
    await hasBegun(child, busy);
    child.kill(signal);
    const { status, stderr } = await ended;
    expect(status).toBe(busy.status ?? code);
    expect(stderr).not.toMatch(/^error/m);
    if (busy.status === undefined) expect(stderr).toMatch(/(^|\n)cancelled\n$/);
  });
});

describe.each(COMMANDS)("$name, when nobody reads its output", ({ name }) => {
  it("ends with 0 and without a complaint", async () => {
    const { works, input = "" } = contractOf(name);
    const words = works.map((word) => word.replace(/^DIR/, dir));
    const child = startCli([name, ...words, "--quiet"], { env: { ...env, HF_HUB_OFFLINE: "1" } });
    child.stdout?.destroy();
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
    const { status, stderr } = await finish(child);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
