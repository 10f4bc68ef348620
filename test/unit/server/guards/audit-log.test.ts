import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { ApiKeys } from "../../../../src/server/guards/api-keys.ts";
import { auditLog, openAuditFile } from "../../../../src/server/guards/audit-log.ts";
import { ClientIds } from "../../../../src/server/guards/client-ids.ts";
import { post, startGuarded } from "../../../support/guarded-app.ts";

const folder = mkdtempSync(join(tmpdir(), "bitnet-audit-"));
afterAll(() => rmSync(folder, { recursive: true }));

const KEY = "0123456789abcdef";
const SECRET = "what was asked";
const guards = { keys: new ApiKeys([{ name: "alice", key: KEY }]), rates: {}, lengths: {} };

function log(withPrompts = false, salt: string | undefined = "salt") {
  const lines: string[] = [];
  const options = { ids: new ClientIds(salt), withPrompts, now: () => Date.UTC(2030, 0, 2) };
  const listener = auditLog({ write: (line) => lines.push(line) }, options);
  const until = async (count: number) => {
    while (lines.length < count) await sleep(2);
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return { lines, listener, until };
}

it("writes a line for each request: who, what, how it ended", async () => {
  const { listener, until } = log();
  const server = await startGuarded(guards, {
    listeners: [listener],
    add: (app) =>
      app.post("/generate", async ({ record }) => {
        record?.firstToken(1, 20, 5);
        record?.tokens(9);
        return {};
      }),
  });
  const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
  await fetch(`${server.url}/open`); // not worth a line
  await fetch(`${server.url}/generate`, { method: "POST", headers, body: '{"prompt":"x"}' });
  await post(server, { prompt: SECRET });
  await fetch(`${server.url}/read/a-name?q=1`, { headers });
  const [first, second, third] = await until(3);
  expect(first).toEqual({
    event: "request",
    time: "2030-01-02T00:00:00.000Z",
    request_id: expect.stringMatching(/./),
    client: expect.stringMatching(/^[0-9a-f]{16}$/),
    key: "alice",
    method: "POST",
    route: "/generate",
    status: 200,
    prompt_tokens: 20,
    cached_tokens: 5,
    generated_tokens: 10,
    ms: expect.any(Number),
    error_code: null,
    aborted: false,
  });
  expect(second).toMatchObject({ key: null, status: 401, error_code: "UNAUTHORIZED" });
  expect(third).toMatchObject({ route: "/read/:name", status: 200 });
});

it("says neither address nor prompt nor key, unless prompts are asked for", async () => {
  for (const withPrompts of [false, true]) {
    const { lines, listener, until } = log(withPrompts);
    const server = await startGuarded(guards, { listeners: [listener] });
    await post(server, { prompt: SECRET }, { key: KEY, address: "203.0.113.9" });
    const [line] = await until(1);
    expect(lines.join("")).not.toMatch(/203\.0\.113\.9|0123456789abcdef/);
    expect(line?.["request"]).toEqual(withPrompts ? { prompt: SECRET } : undefined);
  }
});

it("knows a client again by the salt alone", async () => {
  const ids = (salt?: string) => new ClientIds(salt).hash("203.0.113.9");
  expect(ids("a")).toBe(ids("a"));
  expect(ids("a")).not.toBe(ids("b"));
  expect(ids()).not.toBe(ids());
});

it("tells of requests whose client left", async () => {
  const { listener, until } = log();
  const server = await startGuarded(
    { rates: {}, lengths: {} },
    { listeners: [listener], add: (app) => app.get("/slow", () => sleep(500, "late")) },
  );
  const gone = httpRequest(`${server.url}/slow`).on("error", () => undefined);
  gone.end();
  await sleep(50);
  gone.destroy();
  expect(await until(1)).toMatchObject([{ route: "/slow", aborted: true }]);
});

it("appends to a file that only its owner can read, making its folder", async () => {
  const path = join(folder, "new", "audit.log");
  for (let i = 0; i < 2; i++) {
    const file = openAuditFile(path, (error) => expect.unreachable(error.message));
    const server = await startGuarded(
      { rates: {}, lengths: {} },
      { listeners: [auditLog(file, { ids: new ClientIds(), withPrompts: false })] },
    );
    await post(server, {});
    while (readLines(path).length <= i) await sleep(2);
  }
  expect(readLines(path).map((line) => JSON.parse(line).route)).toEqual(["/work", "/work"]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it("a full disk stops the log and not the server", async () => {
  const errors: string[] = [];
  const file = openAuditFile("/dev/full", ({ message }) => errors.push(message));
  const listeners = [auditLog(file, { ids: new ClientIds(), withPrompts: false })];
  const server = await startGuarded({ rates: {}, lengths: {} }, { listeners });
  expect((await post(server, {})).status).toBe(200);
  expect((await post(server, {})).status).toBe(200);
  while (errors.length === 0) await sleep(2);
  expect(errors[0]).toMatch(/ENOSPC/);
});

function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n").slice(0, -1);
  } catch {
    return [];
  }
}
