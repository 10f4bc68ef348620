import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { post, startServer, type TestServer, withoutEnd } from "../../support/server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ places: 3 });
});
afterAll(() => server[Symbol.asyncDispose]());

const batches = () => `${server.url}/v1/batches`;
const read = async (path: string) => (await fetch(batches() + path)).text();

async function finished(id: string) {
  let state = JSON.parse(await read(`/${id}`));
  while (state.status === "in_progress") {
    await new Promise((resolve) => setTimeout(resolve, 20));
    state = JSON.parse(await read(`/${id}`));
  }
  return state;
}

async function outputOf(id: string) {
  const lines = (await read(`/${id}/output`)).trim().split("\n");
  return new Map(lines.map((line) => JSON.parse(line)).map((one) => [one.custom_id, one.response]));
}

const MESSAGES = [{ role: "user", content: "What is 2 + 3?" }];

describe("/v1/batches", () => {
  it("answers both forms of requests as the routes do", async () => {
    const body = { messages: MESSAGES, max_tokens: 8 };
    const requests = [
      { custom_id: "a", method: "POST", url: "/v1/chat/completions", body },
      { id: "b", messages: MESSAGES, nPredict: 8 },
      { id: "c", prompt: "Once upon", max_tokens: 4, topK: 1 },
      { custom_id: "d", url: "/v1/chat/completions", body: { messages: [] } },
      { custom_id: "e", url: "/v1/embeddings", body: { input: "a" } },
    ];
    const { id } = (await post(batches(), { requests })).json();
    expect(await finished(id)).toMatchObject({
      status: "completed",
      request_counts: { total: 5, completed: 4, failed: 1 },
    });
    const output = await outputOf(id);
    const text = (name: string) => output.get(name).body.choices[0].message.content;
    expect([text("a"), text("b")]).toEqual(["2 + 3 = 5", "2 + 3 = 5"]);
    expect(output.get("c").body.usage.completion_tokens).toBe(4);
    expect(output.get("d")).toMatchObject({
      status_code: 400,
      body: { error: { param: "messages" } },
    });
    expect(output.get("e").body.data).toHaveLength(1);
  });

  it("takes JSON lines, and waits where the queue is full", async () => {
    const one = await startServer({ places: 1, maxQueue: 0 });
    try {
      const lines = [1, 2, 3].map((id) => JSON.stringify({ id, prompt: "Hé", nPredict: 2 }));
      const response = await fetch(`${one.url}/v1/batches`, {
        method: "POST",
        headers: { "content-type": "application/jsonl" },
        body: `${lines.join("\n\n")}\n`,
      });
      const { id } = (await response.json()) as { id: string };
      await expect
        .poll(async () => (await fetch(`${one.url}/v1/batches/${id}`)).json(), { timeout: 20_000 })
        .toMatchObject({ status: "completed", request_counts: { completed: 3 } });
    } finally {
      await one[Symbol.asyncDispose]();
    }
  });

  it("ends when it is cancelled, and frees its places", async () => {
    const body = { messages: MESSAGES, max_tokens: 400, logit_bias: withoutEnd(server) };
    const requests = Array.from({ length: 50 }, () => ({ url: "/v1/chat/completions", body }));
    const { id } = (await post(batches(), { requests })).json();
    const cancelled = await post(`${batches()}/${id}/cancel`, {});
    expect(cancelled.json().status).toBe("cancelled");
    await expect.poll(() => server.serving.service.state().active).toBe(0);
    expect((await finished(id)).request_counts.completed).toBeLessThan(50);
    expect(server.faults).toEqual([]);
  });

  it.each([
    ["another path", [{ url: "/health", body: {} }]],
    [
      "an id that occurs twice",
      [
        { id: 1, prompt: "a" },
        { id: 1, prompt: "b" },
      ],
    ],
    ["an unknown field", [{ prompt: "a", colour: "red" }]],
    ["no requests", []],
  ])("refuses %s", async (_, requests) => {
    const refused = await post(batches(), { requests });
    expect([refused.status, refused.json().error.error_code]).toEqual([400, "INVALID_INPUT"]);
  });

  it("knows no other batch", async () => {
    expect((await fetch(`${batches()}/batch_1`)).status).toBe(404);
  });
});
