import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Backend } from "../../../src/server/backend.ts";
import {
  post,
  startServer,
  type TestServer,
  type TestServerOptions,
  until,
  withoutEnd,
} from "../../support/server.ts";

let server: TestServer;

async function start(options?: TestServerOptions): Promise<void> {
  server = await startServer(options);
}
afterEach(() => server[Symbol.asyncDispose]());

/** A request that generates until it is ended. */
const LONG = {
  messages: [{ role: "user", content: "Tell me a story." }],
  max_tokens: 480,
  seed: 3,
};
const ENDLESS = { ...LONG, temperature: 1, logit_bias: {} as Record<string, number> };

/** Forbids the tokens that would end the answer. */
function endless() {
  return { ...ENDLESS, logit_bias: withoutEnd(server) };
}

const url = () => `${server.url}/v1/chat/completions`;

/** Starts a request; `leave` closes its connection. */
function begin(body: object) {
  const controller = new AbortController();
  const answer = fetch(url(), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: controller.signal,
  }).then(async (response) => ({ status: response.status, text: await response.text() }));
  answer.catch(() => undefined);
  return { answer, leave: () => controller.abort() };
}

const state = () => server.serving.service.state();

describe("the service", () => {
  it("gives each of many requests the answer that it has alone", async () => {
    await start({ places: 3, maxQueue: 64 });
    const bodies = Array.from({ length: 16 }, (_, i) => ({
      messages: [
        ...(i % 2 ? [{ role: "system", content: "You are a friend." }] : []),
        { role: "user", content: ["Tell me a story.", "What is 4 + 4?", `Hello ${i}`][i % 3] },
      ],
      temperature: i % 4 ? 0.9 : 0,
      seed: i,
      max_tokens: 10 + ((i * 7) % 50),
      stream: i % 5 === 0,
    }));
    const textOf = async (body: object) => content((await post(url(), body)).text);
    const alone: string[] = [];
    for (const body of bodies) alone.push(await textOf(body));
    const leavers = Array.from({ length: 4 }, () => begin(endless()));
    const together = bodies.map(textOf);
    setTimeout(() => leavers.forEach(({ leave }) => void leave()), 50);
    expect(await Promise.all(together)).toEqual(alone);
    await until(() => state().active === 0);
  });

  it("frees the place when the client leaves, generating or waiting", async () => {
    await start({ places: 1 });
    const first = begin({ ...endless(), stream: true });
    await until(() => state().active === 1);
    const second = begin(endless());
    await until(() => state().queued === 1);
    second.leave();
    await until(() => state().queued === 0);
    first.leave();
    await until(() => state().active === 0);
    await until(() => server.ends.length === 2);
    expect(server.ends.map(({ outcome }) => outcome)).toEqual(["cancelled", "cancelled"]);
    expect((await post(url(), { ...LONG, max_tokens: 2 })).status).toBe(200);
    expect(server.faults).toEqual([]);
  });

  it("refuses what its queue does not hold, and says when to come again", async () => {
    await start({ places: 1, maxQueue: 1 });
    const running = begin(endless());
    await until(() => state().active === 1);
    const waiting = begin({ ...LONG, max_tokens: 1 });
    await until(() => state().queued === 1);
    const refused = await post(url(), LONG);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused.json()).toMatchObject({
      error: { type: "rate_limit_error", code: "queue_full", error_code: "QUEUE_FULL" },
    });
    running.leave();
    expect((await waiting.answer).status).toBe(200);
    expect(server.ends.map(({ outcome }) => outcome)).toEqual(["refused", "cancelled", "ok"]);
  });

  it("ends what takes too long: with a status, or in the stream", async () => {
    await start({ places: 1, timeoutMs: 30 });
    const late = await post(url(), endless());
    expect([late.status, late.json().error.error_code]).toEqual([504, "TIMEOUT"]);
    const stream = await post(url(), { ...endless(), stream: true });
    expect(stream.status).toBe(200);
    const last = stream.text.trim().split("\n\n").at(-1) ?? "";
    expect(JSON.parse(last.slice("data: ".length))).toMatchObject({ error: { code: "timeout" } });
    expect(server.ends.map(({ outcome }) => outcome)).toEqual(["timeout", "timeout"]);
  });

  it("gives all choices of a request together the time of one", async () => {
    await start({ places: 1, timeoutMs: 150 });
    const prompt = Array.from({ length: 60 }, (_, i) => `Story ${i}`);
    const late = await post(`${server.url}/v1/completions`, { prompt, n: 16, max_tokens: 20 });
    expect([late.status, late.json().error.error_code]).toEqual([504, "TIMEOUT"]);
    expect(server.ends.length).toBeLessThan(960);
  });

  it("evaluates a shared beginning once", async () => {
    await start({ places: 2 });
    const ask = async (content: string) => {
      const system = { role: "system", content: "You are a friend who knows numbers." };
      const body = { messages: [system, { role: "user", content }], max_tokens: 4 };
      return (await post(url(), body)).json().usage;
    };
    const first = await ask("What is 2 + 3?");
    expect(first.prompt_tokens_details.cached_tokens).toBe(0);
    const second = await ask("What is 4 + 4?");
    expect(second.prompt_tokens_details.cached_tokens).toBeGreaterThan(8);
  });

  it("drains: what runs is answered, what comes is turned away", async () => {
    await start({ places: 1 });
    const running = begin({ ...endless(), max_tokens: 200 });
    await until(() => state().active === 1);
    const waiting = begin({ ...LONG, max_tokens: 2 });
    await until(() => state().queued === 1);
    server.backend.drain();
    const late = await post(url(), LONG);
    expect([late.status, late.json().error.code]).toEqual([503, "server_stopping"]);
    expect((await fetch(`${server.url}/health`)).status).toBe(503);
    await server.app.close();
    expect((await running.answer).status).toBe(200);
    expect((await waiting.answer).status).toBe(200);
  });

  it("turns away what comes on a connection that is still open while it closes", async () => {
    await start({ places: 1 });
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", (more) => (text += more));
    const send = (body: object) => {
      const json = JSON.stringify(body);
      const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: ${json.length}`;
      socket.write(`${head}\r\ncontent-type: application/json\r\n\r\n${json}`);
    };
    send({ ...endless(), max_tokens: 100 });
    await until(() => state().active === 1);
    server.backend.drain();
    const closed = server.app.close();
    send(LONG);
    await Promise.all([closed, once(socket, "close")]);
    const [, first, second = ""] = text.split("HTTP/1.1 ");
    expect(first).toMatch(/^200 /);
    expect(second).toMatch(/^503 /);
    expect(JSON.parse(second.slice(second.indexOf("{")))).toMatchObject({
      error: { code: "server_stopping", error_code: "UNAVAILABLE" },
    });
  });

  it("tells that the model is loading, and that it lives", async () => {
    await start({ places: 1 });
    const loading = await startServer({ parts: { backend: new Backend() } });
    try {
      expect(await (await fetch(`${loading.url}/health`)).json()).toEqual({ status: "loading" });
      expect((await fetch(`${loading.url}/health/live`)).status).toBe(200);
      const early = await post(`${loading.url}/v1/chat/completions`, LONG);
      expect([early.status, early.headers.get("retry-after")]).toEqual([503, "2"]);
    } finally {
      await loading[Symbol.asyncDispose]();
    }
    expect(await (await fetch(`${server.url}/health?deep=1`)).json()).toEqual({
      status: "ready",
      model: "demo",
      active: 0,
      queued: 0,
      generated_tokens: expect.any(Number),
      latency_ms: expect.any(Number),
    });
  });
});

/** What is said in an answer, whole or in events, and how it ends. */
function content(answer: string): string {
  const events = answer.startsWith("data: ") ? answer.split("\n\n") : [answer];
  const objects = events.flatMap((event) => {
    const json = event.replace(/^data: /, "");
    return json.startsWith("{") ? [JSON.parse(json)] : [json];
  });
  const [choices] = [objects.flatMap((object) => object.choices ?? [])];
  const said = choices.map(({ message, delta }) => (message ?? delta).content ?? "").join("");
  return said + choices.map((choice) => choice.finish_reason ?? "").join("");
}
