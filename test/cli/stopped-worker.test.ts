import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const SCRIPT = fileURLToPath(new URL("../support/stopped-worker.mjs", import.meta.url));
const run = promisify(execFile);

it("lets a worker thread be stopped while the engine generates for it", async () => {
  expect((await run(process.execPath, [SCRIPT, "throw"])).stdout).toBe("enough\nstopped\n");
});

it("lets a worker thread exit while its model is being closed", async () => {
  expect((await run(process.execPath, [SCRIPT, "exit"])).stdout).toBe("stopped\n");
});
