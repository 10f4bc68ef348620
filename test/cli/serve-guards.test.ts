import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it, onTestFinished } from "vitest";
import { finish, runCli, startCli } from "../support/cli.ts";

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

/** Starts a server of the bundled model; it is stopped at the end of the test. */
async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = startCli(["serve", ...SHORT, ...args], { env });
  const result = finish(child);
  let stderr = "";
  child.stderr?.on("data", (text: string) => (stderr += text));
  let url: string | undefined;
  while (url === undefined && child.exitCode === null) {
    await sleep(10);
    url = /ready: .* at (http\S+)/.exec(stderr)?.[1];
  }
  if (url === undefined) throw new Error(stderr);
  const stop = () => {
    child.kill("SIGTERM");
    return result;
  };
  onTestFinished(async () => void (await stop()));
  const ask = (path: string, body?: object, key?: string) =>
    fetch(`${url.replace("0.0.0.0", "127.0.0.1")}${path}`, {
      ...(body && { method: "POST", body: JSON.stringify(body) }),
      headers: {
        "content-type": "application/json",
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      },
    });
  return { url, ask, stop, stderr: () => stderr };
}

const story = (more: object = {}) => ({
  messages: [{ role: "user", content: "Tell me a story." }],
  temperature: 0,
  max_tokens: 40,
  ...more,
});

async function errorOf(answer: Response): Promise<readonly [number, string]> {
  const { error } = (await answer.json()) as { error: { error_code: string } };
  return [answer.status, error.error_code];
}

/** Text of the events of a stream, and the error that it ended with. */
async function readStream(answer: Response) {
  const events = (await answer.text())
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)) as StreamEvent);
  return {
    text: events.map(({ choices }) => choices?.[0]?.delta?.content ?? "").join(""),
    code: events.at(-1)?.error?.error_code,
  };
}

interface StreamEvent {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[];
  readonly error?: { readonly error_code: string };
}

it("keys of a file and of the environment open it, and its figures tell who came", async () => {
  const audit = join(folder, "audit.log");
  const keys = file("keys", `alice:${KEY}\n`);
  const server = await start(["--api-key-file", keys, "--audit-log", audit], {
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
  for (const key of [KEY, OTHER]) {
    const answer = await server.ask("/v1/chat/completions", story(), key);
    expect(answer.status).toBe(200);
    await answer.body?.cancel();
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
    { key: "alice", status: 200, generated_tokens: 40, error_code: null },
    { key: "key-1", status: 200, prompt_tokens: answered[1]?.prompt_tokens },
  ]);
  expect(lines.join("")).not.toMatch(/story|127\.0\.0\.1|0123456789abcdef/);
  expect(server.stderr()).not.toContain(KEY);
});

it("the output filter ends an answer where a match begins, streamed or not", async () => {
  const open = await start([]);
  const whole = await (await open.ask("/v1/chat/completions", story())).json();
  const { content } = (whole as { choices: { message: { content: string } }[] }).choices[0]
    ?.message ?? { content: "" };
  await open.stop();
  const words = content.split(" ");
  const phrase = `${words[4]}\\s${words[5]}`;
  expect(words.length).toBeGreaterThan(8);
  const filter = file("out.txt", `# not this\n${phrase}\n`);
  const server = await start(["--output-filter", filter]);
  expect(await errorOf(await server.ask("/v1/chat/completions", story()))).toEqual([
    400,
    "RESPONSE_FILTERED",
  ]);
  const streamed = await readStream(
    await server.ask("/v1/chat/completions", story({ stream: true })),
  );
  expect(streamed.code).toBe("RESPONSE_FILTERED");
  expect(streamed.text).toBe(`${words.slice(0, 4).join(" ")} `);
  expect(server.stderr()).toContain("an answer was ended for out.txt:2");
  // What holds no match is the same as without a filter.
  const short = await server.ask("/v1/chat/completions", story({ stream: true, max_tokens: 3 }));
  const { text, code } = await readStream(short);
  expect(code).toBeUndefined();
  expect(content.startsWith(text)).toBe(true);
  expect(text).not.toBe("");
});

it("limits and the input filter refuse, and say what may be sent", async () => {
  const server = await start([
    ...["--max-prompt-chars", "100", "--max-prompt-tokens", "25", "--max-output-tokens", "7"],
    ...["--input-filter", file("in.txt", "dragon"), "--rate-limit", "6/h"],
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
  expect(await errorOf(await ask("a DRAGON"))).toEqual([400, "CONTENT_FILTERED"]);
  expect((await ask("Hi")).status).toBe(200);
  const limited = await ask("Hi");
  expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(3500);
  expect(await errorOf(limited)).toEqual([429, "RATE_LIMIT_EXCEEDED"]);
});

it("pages of other origins get in only where they are let in, and names of elsewhere do not", async () => {
  const origin = "https://app.example";
  const preflight = {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  };
  const [closed, open] = await Promise.all([
    start([]),
    start(["--cors-origin", origin, "--api-key", KEY]),
  ]);
  const path = "/v1/chat/completions";
  const refused = await fetch(closed.url + path, preflight);
  expect(refused.headers.get("access-control-allow-origin")).toBeNull();
  const allowed = await fetch(open.url + path, preflight);
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
  const headers = { origin, authorization: `Bearer ${KEY}`, "content-type": "application/json" };
  const body = JSON.stringify(story({ stream: true, max_tokens: 2 }));
  const answer = await fetch(open.url + path, { method: "POST", headers, body });
  expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
  expect((await readStream(answer)).code).toBeUndefined();
  expect(await errorOf(await rebound(closed.url))).toEqual([403, "FORBIDDEN"]);
});

/** What a page gets that gave its own name this machine's address. */
function rebound(url: string): Promise<Response> {
  return new Promise((resolve, reject) => {
    get(`${url}/v1/models`, { headers: { host: "evil.example" } }, async (message) => {
      const body = Buffer.concat(await message.toArray());
      resolve(new Response(body, { status: message.statusCode ?? 0 }));
    }).once("error", reject);
  });
}

it("warns of an open server, of short keys and of key files that others can read", async () => {
  const keys = file("weak", "bob:1234\n", 0o644);
  const [open, weak] = await Promise.all([
    start(["--host", "0.0.0.0"]),
    start(["--api-key-file", keys]),
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
