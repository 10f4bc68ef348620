import { describe, expect, it } from "vitest";
import { importPage } from "../../support/page-modules.ts";

const { eventsOf } = await importPage<{
  eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string>;
}>("api/sse.js");
const { ApiError, ConnectionError, errorOf, explain } = await importPage<{
  ApiError: new (status: number, details: object) => Error;
  ConnectionError: new (cause: unknown) => Error;
  errorOf(response: Response): Promise<Error & { status: number; retryAfter?: number }>;
  explain(error: unknown): { title: string; advice: string; retryAfter?: number };
}>("api/problems.js");
const { Meter } = await importPage<{
  Meter: new (
    now: number,
  ) => { count(now: number): void; stats(usage: object | undefined, finish: string): object };
}>("chat/meter.js");
const { waitingText } = await importPage<{
  waitingText(run: { phase: string; retryAt: number }, server: object, now: number): string;
}>("chat/waiting.js");

async function read(chunks: readonly Uint8Array[]) {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const events: string[] = [];
  for await (const event of eventsOf(body)) events.push(event);
  return events;
}

describe("eventsOf", () => {
  it("gives the same events however the bytes are cut", async () => {
    const text =
      'data: {"a":"\u00e4\u{1f98a}"}\r\n\r\n: comment\n\ndata: x\ndata: y\n\nevent: z\n\ndata:[DONE]\n\n';
    const bytes = new TextEncoder().encode(text);
    const expected = ['{"a":"\u00e4\u{1f98a}"}', "x\ny", "[DONE]"];
    expect(await read([bytes])).toEqual(expected);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(await read([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(expected);
    }
  });

  it("does not take half an event for one", async () => {
    expect(await read([new TextEncoder().encode('data: 1\n\ndata: {"a"')])).toEqual(["1"]);
  });
});

describe("explain", () => {
  const answered = async (status: number, error: object, headers: Record<string, string> = {}) =>
    explain(await errorOf(new Response(JSON.stringify({ error }), { status, headers })));

  it("says what to do", async () => {
    const full = { message: "the server is busy", code: "queue_full", error_code: "QUEUE_FULL" };
    expect(await answered(429, full, { "retry-after": "7" })).toEqual({
      title: "The server is busy",
      advice: "The server is busy. Try again in 7 s.",
      retryAfter: 7,
    });
    const long = { message: "context is full", code: "context_length_exceeded" };
    expect((await answered(400, long)).title).toMatch("too long");
    expect((await answered(400, { error_code: "CONTENT_FILTERED" })).title).toMatch("filter");
    expect((await answered(400, { message: "n: must be <= 16" })).advice).toBe("N: must be <= 16.");
    expect((await answered(401, {})).title).toMatch("API key");
    expect((await answered(500, {})).advice).toMatch("Try again");
    expect(explain(new ConnectionError("x")).advice).toMatch("bitnet serve");
    expect(explain(new ApiError(418, { message: "" })).advice).toBe("The server answered 418.");
  });

  it("takes answers that are no JSON", async () => {
    const error = await errorOf(new Response("<html>bad gateway", { status: 502 }));
    expect(error).toMatchObject({ status: 502, message: "the server answered 502" });
  });
});

describe("Meter", () => {
  it("counts pieces until the server tells the tokens", () => {
    const meter = new Meter(1000);
    expect(meter.stats(undefined, "")).toBeUndefined();
    meter.count(1200);
    expect(meter.stats(undefined, "")).toMatchObject({ firstMs: 200, tokens: 1, rate: 0 });
    meter.count(1700);
    meter.count(2200);
    expect(meter.stats(undefined, "")).toMatchObject({ tokens: 3, rate: 2 });
    const usage = { promptTokens: 9, tokens: 5, cachedTokens: 4 };
    expect(meter.stats(usage, "stop")).toEqual({ ...usage, firstMs: 200, rate: 4, finish: "stop" });
  });
});

it("an answer says what it waits for", () => {
  const say = (phase: string, server = {}) =>
    waitingText({ phase, retryAt: 5000 }, { phase: "ready", queued: 0, ...server }, 1200);
  expect(say("queued")).toBe("Asking");
  expect(say("queued", { queued: 2 })).toMatch("2 requests in the queue");
  expect(say("queued", { phase: "loading" })).toMatch("loading");
  expect(say("refused")).toMatch("in 4 s");
  expect(say("writing")).toBe("");
});
