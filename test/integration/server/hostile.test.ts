import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../support/random.ts";
import { post, startServer, type TestServer } from "../../support/server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  expect(server.faults).toEqual([]); // whatever came was the client's fault
  await server[Symbol.asyncDispose]();
});

const GOOD: Readonly<Record<string, object>> = {
  "/v1/chat/completions": { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 },
  "/v1/completions": { prompt: "Hi", max_tokens: 1 },
  "/v1/embeddings": { input: "Hi" },
  "/tokenize": { content: "Hi" },
  "/detokenize": { tokens: [1, 2] },
};

/** Values that do not belong anywhere, or nearly. */
const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e308,
  -1e308,
  2 ** 53,
  2 ** 31,
  "",
  "x",
  "\u0000",
  "\ud800",
  "9".repeat(5000),
  [],
  [[]],
  [null],
  {},
  { __proto__: 1 },
  { type: "text" },
  { length: 1e9 },
  [{ role: "user" }],
];

const FIELDS = [
  "model",
  "messages",
  "prompt",
  "input",
  "content",
  "tokens",
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "repeat_penalty",
  "repeat_last_n",
  "frequency_penalty",
  "presence_penalty",
  "logit_bias",
  "seed",
  "stop",
  "max_tokens",
  "max_completion_tokens",
  "n",
  "stream_options",
  "logprobs",
  "top_logprobs",
  "echo",
  "best_of",
  "tools",
  "tool_choice",
  "encoding_format",
  "dimensions",
  "add_special",
  "response_format",
] as const;

function expectRefusal({ status, text }: { status: number; text: string }): void {
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  const { error } = JSON.parse(text);
  expect(error).toMatchObject({
    message: expect.any(String),
    type: expect.any(String),
    code: expect.any(String),
    error_code: expect.stringMatching(/^[A-Z_]+$/),
  });
  expect("param" in error).toBe(true);
}

describe("hostile requests", () => {
  it("are answered with 200 or a 4xx in the right shape, whatever the fields", async () => {
    const below = seededRandom(7);
    for (let i = 0; i < 150; i += 1) {
      const [path = "", good = {}] = Object.entries(GOOD)[below(5)] ?? [];
      const body: Record<string, unknown> = { ...good };
      for (let k = below(3) + 1; k > 0; k -= 1) {
        body[FIELDS[below(FIELDS.length)] as string] = ODD[below(ODD.length)];
      }
      const answer = await post(server.url + path, body);
      if (answer.status !== 200) expectRefusal(answer);
    }
  });

  it.each<[string, string | Uint8Array, number, string]>([
    ["nothing", "", 400, "invalid_json"],
    ["half of JSON", '{"messages": [', 400, "invalid_json"],
    ["a list", "[]", 400, "invalid_input"],
    ["invalid UTF-8", Uint8Array.of(0x22, 0xff, 0xfe, 0x22), 400, "invalid_encoding"],
    ["a prototype", '{"__proto__": {"messages": []}}', 400, "invalid_json"],
    ["much nesting", `{"messages": ${"[".repeat(100_000)}`, 400, "too_deep"],
    ["too much", `"${"x".repeat(5_000_000)}"`, 413, "invalid_input"],
  ])("refuses %s", async (_, body, status, code) => {
    const answer = await post(`${server.url}/v1/chat/completions`, body);
    expectRefusal(answer);
    expect([answer.status, answer.json().error.code]).toEqual([status, code]);
  });

  it("refuses other content types, methods and paths", async () => {
    const url = `${server.url}/v1/chat/completions`;
    const headers = { "content-type": "text/xml" };
    const xml = await fetch(url, { method: "POST", headers, body: "<a/>" });
    expect(xml.status).toBe(415);
    expectRefusal({ status: xml.status, text: await xml.text() });
    for (const path of [
      "/v1/chat/completions",
      "/../../etc/passwd",
      "/%2e%2e/x",
      "/%ff",
      `/${"a".repeat(9000)}`,
    ]) {
      const got = await fetch(server.url + path);
      expectRefusal({ status: got.status, text: await got.text() });
    }
  });

  it.each<[string, string, number]>([
    ["what is no HTTP", "GARBAGE\r\n\r\n", 400],
    ["huge headers", `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(70_000)}\r\n\r\n`, 431],
    [
      "two lengths",
      "POST /tokenize HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
      400,
    ],
  ])("answers %s on a bare connection", async (_, sent, status) => {
    const text = await talk(sent);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expectRefusal({ status, text: text.slice(text.indexOf("{")) });
  });

  it("ends a refused request whose body never comes to its end", async () => {
    const slow = await startServer({ parts: { limits: { receiveMs: 300, bodyBytes: 10 } } });
    try {
      const head = "POST /tokenize HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n";
      const text = await talk(`${head}content-type: application/json\r\n\r\n{`, slow);
      expect(text).toMatch(/^HTTP\/1\.1 413 /);
    } finally {
      await slow[Symbol.asyncDispose]();
    }
  });

  it("ends a request that never comes to its end", async () => {
    const slow = await startServer({ parts: { limits: { receiveMs: 300 } } });
    try {
      const head = "POST /tokenize HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n";
      const text = await talk(`${head}content-type: application/json\r\n\r\n{`, slow);
      expect(text).toMatch(/^HTTP\/1.1 408 /);
      expectRefusal({ status: 408, text: text.slice(text.indexOf("{")) });
    } finally {
      await slow[Symbol.asyncDispose]();
    }
  });
});

/** Everything that the server says to `sent`, until it closes the connection. */
function talk(sent: string, { url } = server): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(sent));
    socket.setEncoding("utf8").on("data", (more) => {
      text += more;
    });
    socket.on("close", () => resolve(text)).on("error", reject);
  });
}
