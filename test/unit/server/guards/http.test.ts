import type { FastifyInstance } from "fastify";
import { describe, expect, it } from "vitest";
import { ApiKeys } from "../../../../src/server/guards/api-keys.ts";
import { isLoopback } from "../../../../src/server/guards/host-check.ts";
import { PatternSet } from "../../../../src/server/guards/patterns/pattern-set.ts";
import { post, refusal, startGuarded } from "../../../support/guarded-app.ts";
import { seededRandom } from "../../../support/random.ts";

const KEY = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const keys = () =>
  new ApiKeys([
    { name: "alice", key: KEY },
    { name: "bob", key: OTHER },
  ]);
const MINUTE = 60_000;

describe("API keys", () => {
  it("open what is not open to all", async () => {
    const server = await startGuarded({ keys: keys() });
    expect(await refusal(await post(server, {}))).toEqual([401, "UNAUTHORIZED"]);
    expect(await refusal(await post(server, {}, { key: `${KEY}x` }))).toEqual([
      401,
      "UNAUTHORIZED",
    ]);
    expect((await post(server, {}, { key: KEY })).status).toBe(200);
    expect((await fetch(`${server.url}/open`)).status).toBe(200);
    const read = await fetch(`${server.url}/read/x`, {
      headers: { authorization: `bearer ${OTHER}` },
    });
    expect(await read.json()).toEqual({ client: "key:bob" });
  });

  it("are asked for even where nothing is, so that nobody learns what is there", async () => {
    const server = await startGuarded({ keys: keys() });
    const nowhere = await fetch(`${server.url}/nowhere`);
    expect(nowhere.headers.get("www-authenticate")).toBe("Bearer");
    expect(await refusal(nowhere)).toEqual([401, "UNAUTHORIZED"]);
  });

  it.each([
    ["two fields", `Authorization: Bearer ${KEY}\r\nAuthorization: Bearer ${KEY}`],
    ["two fields, one of them wrong", `authorization: Bearer no\r\nAuthorization: Bearer ${KEY}`],
    ["two keys in one", `Authorization: Bearer ${KEY}, Bearer ${KEY}`],
    ["another scheme", `Authorization: Basic ${KEY}`],
    ["no scheme", `Authorization: ${KEY}`],
    ["nothing", "Authorization: Bearer "],
    ["bytes beyond ASCII", "Authorization: Bearer \xe9\xff\xfe"],
    ["a long one", `Authorization: Bearer ${"a".repeat(12_000)}`],
  ])("are refused with %s", async (_, fields) => {
    const server = await startGuarded({ keys: keys() });
    const answer = await server.raw(
      `GET /read/x HTTP/1.1\r\nHost: localhost\r\n${fields}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toContain('"error_code":"UNAUTHORIZED"');
  });

  it("random header fields never get in, and never break the server", async () => {
    const server = await startGuarded({ keys: keys() });
    const next = seededRandom(13);
    const names = ["Authorization", "authorization", "X-Forwarded-For", "Host", "Content-Length"];
    for (let i = 0; i < 200; i++) {
      const fields = Array.from({ length: 1 + next(6) }, () => {
        const value = Array.from({ length: next(60) }, () => String.fromCharCode(1 + next(255)));
        const scheme = next(2) === 0 ? "Bearer " : "";
        return `${names[next(names.length)]}: ${scheme}${value.join("")}`;
      });
      const answer = await server.raw(`GET /read/x HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
      if (answer !== "") expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    expect((await post(server, {}, { key: KEY })).status).toBe(200);
  });
});

describe("rate limits", () => {
  const start = (guards: Parameters<typeof startGuarded>[0]) => {
    const clock = { ms: 0 };
    const rates = { ...guards.rates, now: () => clock.ms };
    const add = (app: FastifyInstance) => {
      app.get("/figures", { config: { perMinute: 5 } }, async () => ({ busy: true }));
      app.get("/deep", { config: { work: true } }, async () => ({ well: true }));
    };
    return startGuarded({ ...guards, rates }, { add }).then((server) => ({ server, clock }));
  };
  const get = (path: string, { url }: { readonly url: string }, key = KEY) =>
    fetch(url + path, { headers: { authorization: `Bearer ${key}` } });

  it("refuse with the time to wait, and let in again after it", async () => {
    const { server, clock } = await start({
      rates: { perClient: { count: 3, windowMs: MINUTE } },
    });
    for (let i = 0; i < 3; i++) expect((await post(server, {})).status).toBe(200);
    clock.ms = 17_500;
    const refused = await post(server, {});
    expect(refused.headers.get("retry-after")).toBe("43");
    expect(await refused.clone().json()).toMatchObject({ error: { retry_after: 43 } });
    expect(await refusal(refused)).toEqual([429, "RATE_LIMIT_EXCEEDED"]);
    clock.ms = 59_999;
    expect((await post(server, {})).status).toBe(429);
    clock.ms = MINUTE;
    expect((await post(server, {})).status).toBe(200);
  });

  it("count a key wherever it comes from, and keys apart", async () => {
    const { server } = await start({
      keys: keys(),
      rates: { perClient: { count: 1, windowMs: MINUTE } },
    });
    expect((await post(server, {}, { key: KEY, address: "10.0.0.1" })).status).toBe(200);
    expect((await post(server, {}, { key: KEY, address: "10.0.0.2" })).status).toBe(429);
    expect((await post(server, {}, { key: OTHER, address: "10.0.0.1" })).status).toBe(200);
  });

  it("count an IPv6 network as one address", async () => {
    const { server } = await start({ rates: { perClient: { count: 1, windowMs: MINUTE } } });
    expect((await post(server, {}, { address: "2001:db8::1" })).status).toBe(200);
    expect((await post(server, {}, { address: "2001:db8::2" })).status).toBe(429);
    expect((await post(server, {}, { address: "2001:db8:0:1::1" })).status).toBe(200);
  });

  it("leave reading alone", async () => {
    const { server } = await start({ rates: { perClient: { count: 1, windowMs: MINUTE } } });
    for (let i = 0; i < 5; i++) expect((await fetch(`${server.url}/read/x`)).status).toBe(200);
  });

  it("count what generates, whatever its method", async () => {
    const { server } = await start({ rates: { perClient: { count: 1, windowMs: MINUTE } } });
    expect((await get("/deep", server)).status).toBe(200);
    expect((await get("/deep", server)).status).toBe(429);
    expect((await post(server, {})).status).toBe(429);
  });

  it("keep nobody from looking at the server, which has a bound of its own", async () => {
    const one = { count: 1, windowMs: MINUTE };
    const { server, clock } = await start({ rates: { perClient: one, perAddress: one } });
    expect((await post(server, {})).status).toBe(200);
    expect((await post(server, {})).status).toBe(429);
    expect((await get("/read/x", server)).status).toBe(429);
    for (let i = 0; i < 5; i++) expect((await get("/figures", server)).status).toBe(200);
    expect(await refusal(await get("/figures", server))).toEqual([429, "RATE_LIMIT_EXCEEDED"]);
    clock.ms = MINUTE;
    expect((await get("/figures", server)).status).toBe(200);
    expect((await post(server, {})).status).toBe(200);
  });

  it("of an address keep keys from being tried out by looking, too", async () => {
    const perAddress = { count: 2, windowMs: MINUTE };
    const { server } = await start({ keys: keys(), rates: { perAddress } });
    for (const key of ["a", "b"]) expect((await get("/figures", server, key)).status).toBe(401);
    expect((await get("/figures", server)).status).toBe(429);
    expect((await post(server, {}, { key: KEY })).status).toBe(429);
  });

  it("of an address keep keys from being tried out, the right one too", async () => {
    const { server, clock } = await start({
      keys: keys(),
      rates: { perAddress: { count: 3, windowMs: MINUTE } },
    });
    const guess = (key: string) =>
      fetch(`${server.url}/read/x`, { headers: { authorization: `Bearer ${key}` } });
    for (const key of ["a", "b", "c"]) expect((await guess(key)).status).toBe(401);
    expect(await refusal(await guess(KEY))).toEqual([429, "RATE_LIMIT_EXCEEDED"]);
    expect((await fetch(`${server.url}/open`)).status).toBe(200);
    clock.ms = MINUTE;
    expect((await guess(KEY)).status).toBe(200);
  });

  it("of an address hold for all its keys together", async () => {
    const { server } = await start({
      keys: keys(),
      rates: { perAddress: { count: 2, windowMs: MINUTE } },
    });
    expect((await post(server, {}, { key: KEY })).status).toBe(200);
    expect((await post(server, {}, { key: OTHER })).status).toBe(200);
    expect((await post(server, {}, { key: KEY })).status).toBe(429);
    expect((await post(server, {}, { key: KEY, address: "10.9.9.9" })).status).toBe(200);
  });
});

describe("lengths", () => {
  it("count the texts of a request wherever they stand", async () => {
    const server = await startGuarded({ lengths: { maxPromptChars: 10 } });
    const messages = [
      { role: "user", content: "123" },
      { role: "user", content: [{ type: "text", text: "45" }] },
    ];
    expect(await refusal(await post(server, { messages }))).toEqual([400, "INVALID_INPUT"]);
    expect((await post(server, { prompt: "1234567890" })).status).toBe(200);
    expect(await refusal(await post(server, { prompt: ["12345678901"] }))).toEqual([
      400,
      "INVALID_INPUT",
    ]);
  });

  it.each(["max_tokens", "max_completion_tokens"])(
    "%s may not be more than is given",
    async (name) => {
      const server = await startGuarded({ lengths: { maxOutputTokens: 100 } });
      expect((await post(server, { [name]: 100 })).status).toBe(200);
      const refused = await post(server, { [name]: 101 });
      expect(await refused.clone().json()).toMatchObject({ error: { param: name } });
      expect(await refusal(refused)).toEqual([400, "INVALID_INPUT"]);
    },
  );
});

describe("the input filter", () => {
  const found: string[] = [];
  const input = () => ({
    patterns: PatternSet.read("bomb\nback\\s*door", "in"),
    decode: (ids: readonly number[]) => String.fromCodePoint(...ids),
    onFound: (place: string) => found.push(place),
  });

  it.each([
    ["a message", { messages: [{ role: "user", content: "a BOMB" }] }],
    ["a part of a message", { messages: [{ content: [{ type: "text", text: "bomb" }] }] }],
    ["a prompt", { prompt: "back   door" }],
    ["one of several", { prompt: ["fine", "bomb"] }],
    ["token ids", { prompt: [98, 111, 109, 98] }],
    ["lists of token ids", { prompt: [[97], [98, 111, 109, 98]] }],
    ["a tool's description", { tools: [{ function: { description: "backdoor" } }] }],
    ["a tool's parameter", { tools: [{ function: { parameters: { bomb: {} } } }] }],
    ["a line of a batch", { requests: [{ body: { prompt: "bomb" } }] }],
  ])("refuses what stands in %s, and does not say which pattern", async (_, body) => {
    const server = await startGuarded({ input: input() });
    const refused = await post(server, body);
    expect(await refused.clone().text()).not.toMatch(/bomb|door/i);
    expect(await refusal(refused)).toEqual([400, "CONTENT_FILTERED"]);
    expect(found.at(-1)).toMatch(/^in:[12]$/);
  });

  it("lets everything else through", async () => {
    const server = await startGuarded({ input: input() });
    const body = { messages: [{ content: "a back and a door" }], prompt: [98, 111], n: 1 };
    const answer = await post(server, body);
    expect(await answer.json()).toEqual({ body });
  });
});

describe("the host check", () => {
  it.each(["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:80", "app.localhost", "my.box"])(
    "lets %s in",
    async (host) => {
      const server = await startGuarded({ hosts: ["My.Box"] });
      const answer = await server.raw(
        `GET /open HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    },
  );

  it.each(["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "", "a]:b:c"])(
    "keeps %j out",
    async (host) => {
      const server = await startGuarded({ hosts: ["my.box"] });
      const answer = await server.raw(
        `GET /open HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 403 /);
      expect(answer).toContain('"error_code":"FORBIDDEN"');
    },
  );

  it.each([
    ["127.0.0.1", true],
    ["127.1.2.3", true],
    ["::1", true],
    ["localhost", true],
    ["0.0.0.0", false],
    ["::", false],
    ["192.168.1.2", false],
    ["127.0.0.1.example.org", false],
  ])("%s is of this machine alone: %s", (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});
