import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startServer, type TestServer, until, withoutEnd } from "../../support/server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ parts: { limits: { bodyBytes: 100_000 } } });
});
afterAll(async () => {
  expect(server.faults).toEqual([]);
  await server[Symbol.asyncDispose]();
});

const PATH = "/v1/chat/completions";
const QUESTION = { messages: [{ role: "user", content: "What is 2 + 3?" }], temperature: 0 };

/** The bytes of a request with a body; `fields` are further ones of its head. */
function request(
  body: string | object,
  fields: readonly string[] = [],
  line = `POST ${PATH} HTTP/1.1`,
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const length = `content-length: ${Buffer.byteLength(text)}`;
  return `${[line, "host: localhost", length, ...fields].join("\r\n")}\r\n\r\n${text}`;
}

const JSON_TYPE = "content-type: application/json";
const LAST = [JSON_TYPE, "connection: close"];

/** A bare connection. */
function open() {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  const got = { text: "" };
  socket.setEncoding("utf8").on("data", (more) => (got.text += more));
  onTestFinished(() => void socket.destroy());
  return { socket, got };
}

/** All that comes back before the server closes the connection, answer by answer. */
async function talk(...sent: readonly string[]): Promise<readonly string[]> {
  const { socket, got } = open();
  for (const bytes of sent) socket.write(bytes);
  await once(socket, "close");
  return got.text.split(/(?=HTTP\/1\.1 \d{3} )/);
}

const statusOf = (answer: string | undefined) => Number(answer?.slice("HTTP/1.1 ".length, 12));
const bodyOf = (answer: string | undefined) => JSON.parse(answer?.split("\r\n\r\n")[1] ?? "");
const codeOf = (answer: string | undefined) => bodyOf(answer).error.code;

describe("methods", () => {
  it.each([
    ["GET", PATH, "POST"],
    ["PUT", "/v1/embeddings", "POST"],
    ["OPTIONS", PATH, "POST"],
    ["POST", "/v1/models", "GET, HEAD"],
    ["DELETE", "/v1/models/demo?x=1", "GET, HEAD"],
    ["POST", "/", "GET, HEAD"],
  ])("%s %s is answered with those that it has", async (method, path, allowed) => {
    const answer = await fetch(server.url + path, { method });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, allowed]);
    expect(await answer.json()).toMatchObject({
      error: { code: "method_not_allowed", error_code: "INVALID_INPUT" },
    });
  });

  it("HEAD gives the head of GET", async () => {
    for (const [path, status] of [
      ["/v1/models", 200],
      ["/", 200],
      [PATH, 405],
      ["/none", 404],
    ]) {
      const answer = await fetch(`${server.url}${path}`, { method: "HEAD" });
      expect([answer.status, await answer.text()]).toEqual([status, ""]);
    }
  });
});

describe("a connection", () => {
  it("has its answers in the order of its requests, and outlives those that are refused", async () => {
    const answers = await talk(
      request({ ...QUESTION, max_tokens: 7 }, [JSON_TYPE]) +
        request({ ...QUESTION, messages: [] }, [JSON_TYPE]) +
        request({ ...QUESTION, max_tokens: 1, stream: true }, [JSON_TYPE]) +
        request("", LAST, "GET /health HTTP/1.1"),
    );
    expect(answers.map(statusOf)).toEqual([200, 400, 200, 200]);
    expect(bodyOf(answers[0]).choices[0].message.content).toBe("2 + 3 = 5");
    expect(answers[2]).toContain("data: [DONE]");
  });

  it.each<[string, string, number, string]>([
    ["half of JSON", request('{"a":', [JSON_TYPE]), 400, "invalid_json"],
    ["a body that is too large", request("x".repeat(2_000_000), [JSON_TYPE]), 413, "invalid_input"],
    ["another type", request("<a/>", ["content-type: text/xml"]), 415, "unsupported_media_type"],
    ["a compressed body", request("{}", ["content-encoding: gzip"]), 415, "unsupported_media_type"],
    ["another path", request(QUESTION, [JSON_TYPE], "POST /none HTTP/1.1"), 404, "not_found"],
    [
      "an expectation",
      request(QUESTION, [JSON_TYPE, "expect: wonders"]),
      417,
      "expectation_failed",
    ],
    ["no Host", "GET /health HTTP/1.1\r\n\r\n", 400, "no_host"],
  ])("is kept after %s", async (_, bytes, status, code) => {
    const [refused, answer] = await talk(bytes, request({ ...QUESTION, max_tokens: 1 }, LAST));
    expect([statusOf(refused), codeOf(refused)]).toEqual([status, code]);
    expect(statusOf(answer)).toBe(200);
  });

  it("is told to go on where it asks for that", async () => {
    const { socket, got } = open();
    const body = JSON.stringify({ ...QUESTION, max_tokens: 1 });
    const whole = request(body, [...LAST, "expect: 100-continue"]);
    socket.write(whole.slice(0, -body.length));
    await until(() => got.text.includes("\r\n\r\n"));
    expect(got.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write(body);
    await once(socket, "close");
    expect(got.text).toContain("HTTP/1.1 200 ");
  });

  it("of HTTP/1.0 ends with its stream, which is not cut into chunks", async () => {
    const line = `POST ${PATH} HTTP/1.0`;
    const [answer = ""] = await talk(request({ ...QUESTION, stream: true }, [JSON_TYPE], line));
    const [head = "", body = ""] = answer.split(/\r\n\r\n/);
    expect(head).toMatch(/^connection: close$/im);
    expect(head).not.toMatch(/transfer-encoding|keep-alive/i);
    expect(body.trimEnd().split("\n\n").at(-1)).toBe("data: [DONE]");
  });

  it("whose client says that nothing comes any more has been left", async () => {
    const before = server.ends.length;
    const { socket } = open();
    const endless = { ...QUESTION, max_tokens: 400, logit_bias: withoutEnd(server) };
    socket.write(request(endless, [JSON_TYPE]));
    await until(() => server.serving.service.state().active === 1);
    socket.end();
    await until(() => server.ends.length > before);
    expect(server.ends.at(-1)?.outcome).toBe("cancelled");
    expect(server.serving.service.state().active).toBe(0);
  });

  it("takes a body without a type for JSON", async () => {
    const [answer] = await talk(request({ ...QUESTION, max_tokens: 1 }, ["connection: close"]));
    expect(statusOf(answer)).toBe(200);
  });
});

it("a client that reads nothing for a while gets all of its choices in the end", async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const { socket, got } = open();
  socket.pause();
  const many = { n: 16, max_tokens: 100, logprobs: true, top_logprobs: 20, stream: true };
  const story = { messages: [{ role: "user", content: "Tell me a story." }], seed: 1 };
  socket.write(request({ ...story, ...many }, LAST));
  const { service } = server.serving;
  await until(() => service.state().active > 0);
  // The engine goes on until nothing fits between here and there.
  await until(() => service.state().active === 0);
  socket.resume();
  await once(socket, "close");
  expect(got.text.match(/"finish_reason":"(stop|length)"/g)).toHaveLength(16);
  expect(got.text).toContain("data: [DONE]");
  expect(warnings).toEqual([]);
});
