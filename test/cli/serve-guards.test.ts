import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { errorOf, startServe, story } from "../support/serve-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "bitnet-guards-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const KEY = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const SHORT = ["-c", "512", "--port", "0"];

it("keys of a file and of the environment open it, and its figures tell who came", async () => {
  const audit = join(folder, "audit.log");
  const keys = file("keys", `alice:${KEY}\n`);
  const server = await startServe(["--api-key-file", keys, "--audit-log", audit], {
    BITNET_API_KEY: OTHER,
  });
  expect(await errorOf(await server.ask("/v1/chat/completions", story()))).toEqual([
    401,
    "UNAUTHORIZED",
  ]);
  expect(await errorOf(await server.ask("/v1/models", undefined, "guess"))).toEqual([
    401,
    "UNAUTHORIZED",
  ]);
  for (const path of ["/", "/health", "/health/live", "/metrics"]) {
    expect((await server.ask(path)).status).toBe(200);
  }
  expect((await server.ask("/health?deep=1")).status).toBe(401);
  const ids: (string | null)[] = [];
  for (const key of [KEY, OTHER]) {
    const answer = await server.ask("/v1/chat/completions", story({ stream: key === KEY }), key);
    expect(answer.status).toBe(200);
    ids.push(answer.headers.get("x-request-id"));
    await answer.text();
  }
  const stats = await (await server.ask("/v1/stats?window=1m", undefined, KEY)).json();
  expect(stats).toMatchObject({
    security: { clients: 3, blocked: 3, blocked_by_code: { UNAUTHORIZED: 3 } },
  });
  const metrics = await (await server.ask("/metrics")).text();
  expect(metrics).toMatch(/^bitnet_requests_total\{outcome="ok"\} 2$/m);
  expect(metrics).toMatch(/^bitnet_http_refusals_total\{reason="UNAUTHORIZED"\} 3$/m);
  expect(metrics).toMatch(/^bitnet_kv_cache_bytes [1-9]/m);
  expect((await server.stop()).status).toBe(0);
  const lines = readFileSync(audit, "utf8").trimEnd().split("\n");
  const answered = lines.map((line) => JSON.parse(line)).filter(({ route }) => /chat/.test(route));
  expect(answered).toMatchObject([
    { key: null, status: 401 },
    { key: "alice", status: 200, request_id: ids[0], generated_tokens: 40, error_code: null },
    { key: "key-1", status: 200, request_id: ids[1], prompt_tokens: answered[1]?.prompt_tokens },
  ]);
  expect(ids[0]).toMatch(/^req_[0-9a-f]{32}$/);
  expect(lines.join("")).not.toMatch(/story|127\.0\.0\.1|0123456789abcdef/);
  expect(server.stderr()).not.toContain(KEY);
});

it("limits and the input filter refuse, and say what may be sent", async () => {
  const server = await startServe([
    ...["--max-prompt-chars", "100", "--max-prompt-tokens", "25", "--max-output-tokens", "7"],
    ...["--input-filter", file("in.txt", "dragon"), "--rate-limit", "7/h"],
  ]);
  const ask = (content: string, more: object = {}) =>
    server.ask("/v1/chat/completions", {
      ...story({ max_tokens: undefined, ...more }),
      messages: [{ role: "user", content }],
    });
  const capped = await (await ask("Tell me a story.")).json();
  expect(capped).toMatchObject({
    choices: [{ finish_reason: "length" }],
    usage: { completion_tokens: 7 },
  });
  expect(await errorOf(await ask("Hi", { max_tokens: 8 }))).toEqual([400, "INVALID_INPUT"]);
  expect(await errorOf(await ask("x".repeat(101)))).toEqual([400, "INVALID_INPUT"]);
  const long = await ask("a b c d e f g h i j k l m n o p q r s t u v w x y z");
  expect(await long.clone().text()).toMatch(/the prompt has \d+ tokens, this server takes 25/);
  expect(await errorOf(long)).toEqual([400, "INVALID_INPUT"]);
  const vectors = await server.ask("/v1/embeddings", { input: ["Hi", "a b c ".repeat(9)] });
  expect(await errorOf(vectors)).toEqual([400, "INVALID_INPUT"]);
  expect(await errorOf(await ask("a DRAGON"))).toEqual([400, "CONTENT_FILTERED"]);
  expect((await ask("Hi")).status).toBe(200);
  const limited = await ask("Hi");
  expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(3500);
  expect(await errorOf(limited)).toEqual([429, "RATE_LIMIT_EXCEEDED"]);
});

it("each request of a batch passes the guards by itself, with the key of the batch", async () => {
  const audit = join(folder, "batch.log");
  const args = ["--api-key", KEY, "--max-prompt-chars", "60", "--audit-log", audit];
  const server = await startServe(args);
  const line = (id: string, prompt: string) => ({ id, prompt, max_tokens: 3 });
  const requests = [line("a", "Hello"), line("b", "x".repeat(61)), line("c", "Once upon")];
  const { id } = (await (await server.ask("/v1/batches", { requests }, KEY)).json()) as BatchState;
  let status = "in_progress";
  while (status === "in_progress") {
    await sleep(20);
    const state = await server.ask(`/v1/batches/${id}`, undefined, KEY);
    ({ status } = (await state.json()) as BatchState);
  }
  const output = await (await server.ask(`/v1/batches/${id}/output`, undefined, KEY)).text();
  expect(output.trimEnd().split("\n")).toHaveLength(3);
  expect(output.match(/"error_code":"\w+"/g)).toEqual(['"error_code":"INVALID_INPUT"']);
  await server.stop();
  const lines = readFileSync(audit, "utf8").trimEnd().split("\n");
  const posted = lines.map((line) => JSON.parse(line)).filter(({ method }) => method === "POST");
  const [bundle, ...own] = posted.toSorted((a, b) => a.route.localeCompare(b.route));
  expect(bundle).toMatchObject({ route: "/v1/batches", status: 200, generated_tokens: 0 });
  const answered = {
    client: bundle.client,
    key: "key-1",
    route: "/v1/completions",
    aborted: false,
  };
  expect(own.toSorted((a, b) => a.status - b.status)).toMatchObject([
    { ...answered, status: 200, generated_tokens: 3, error_code: null },
    { ...answered, status: 200, generated_tokens: 3, error_code: null },
    { ...answered, status: 400, generated_tokens: 0, error_code: "INVALID_INPUT" },
  ]);
});

interface BatchState {
  readonly id: string;
  readonly status: string;
}

it("warns of an open server, of short keys and of key files that others can read", async () => {
  const keys = file("weak", "bob:1234\n", 0o644);
  const [open, weak] = await Promise.all([
    startServe(["--host", "0.0.0.0"]),
    startServe(["--api-key-file", keys]),
  ]);
  expect(open.stderr()).toMatch(/warning: anyone who can reach 0\.0\.0\.0 .* no API key/);
  expect(weak.stderr()).toMatch(/warning: other users of this machine can read .*weak: chmod 600/);
  expect(weak.stderr()).toMatch(/warning: API key "bob" is short/);
});

it("does not start with files that it cannot use", async () => {
  const cases = [
    [["--api-key-file", file("bad-keys", "a b:c\n")], 2, /bad-keys:1: expected name:key/],
    [["--api-key-file", join(folder, "none")], 3, /none cannot be read \(ENOENT\)/],
    [["--input-filter", file("bad.txt", "ok\n(a)\\1\n")], 2, /bad\.txt:2: a reference back/],
    [["--audit-log", "/dev/null/x"], 3, /audit log \/dev\/null\/x cannot be written/],
  ] as const;
  const results = await Promise.all(cases.map(([args]) => runCli(["serve", ...SHORT, ...args])));
  for (const [i, [, status, message]] of cases.entries()) {
    expect(results[i]?.stderr).toMatch(message);
    expect(results[i]?.status).toBe(status);
  }
});

it("secrets are not shown among the settings", async () => {
  const { stdout } = await runCli(["info", "--config"], {
    env: { BITNET_API_KEY: KEY, BITNET_AUDIT_SALT: "pepper", BITNET_RATE_LIMIT: "60/min" },
  });
  expect(stdout).toMatch(/apiKey +"\*\*\*" +BITNET_API_KEY/);
  expect(stdout).not.toMatch(/0123456789abcdef|pepper/);
});
