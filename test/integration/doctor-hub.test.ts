import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { checkHub } from "../../src/cli/doctor/resources.ts";

const NEVER = new AbortController().signal;

/** What doctor says of a hub that answers everything with one status. */
async function hub(status: number, token?: string) {
  const server = createServer((_, response) => response.writeHead(status).end("[]"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const env = { HF_HOME: "/nonexistent", HF_ENDPOINT: `http://127.0.0.1:${port}` };
  try {
    return await checkHub(token === undefined ? env : { ...env, HF_TOKEN: token }, NEVER);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

it("a hub that answers is fine", async () => {
  expect(await hub(200)).toMatchObject({
    status: "ok",
    message: expect.stringMatching(/answers in .*, without a token/),
  });
  expect(await hub(200, "hf_abcdefghijkl")).toMatchObject({ status: "ok" });
});

it("one that refuses the token or fails is a warning with its fix", async () => {
  expect(await hub(401, "hf_abcdefghijkl")).toMatchObject({
    status: "warning",
    message: expect.stringContaining("the token is not valid"),
    fix: "set HF_TOKEN anew, or unset it",
  });
  expect(await hub(503)).toMatchObject({ status: "warning", fix: expect.stringMatching(/mirror/) });
});

it("none is asked where that is not wanted, or cannot be", async () => {
  expect(await checkHub({ HF_HUB_OFFLINE: "1" }, NEVER)).toMatchObject({ status: "skipped" });
  expect(await checkHub({ HF_ENDPOINT: "nowhere" }, NEVER)).toMatchObject({
    status: "broken",
    fix: "unset HF_ENDPOINT",
  });
  const refused = { HF_HOME: "/nonexistent", HF_ENDPOINT: "http://127.0.0.1:1" };
  expect(await checkHub(refused, NEVER)).toMatchObject({ status: "warning" });
});
