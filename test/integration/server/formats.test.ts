import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer, type TestServer } from "../../support/server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const chat = {
  model: "demo",
  messages: [{ role: "user" as const, content: "What is the weather in Paris?" }],
  max_tokens: 200,
  temperature: 0.8,
  seed: 4,
};
const weather = {
  type: "function" as const,
  function: {
    name: "weather",
    description: "the weather of a city",
    parameters: {
      type: "object",
      properties: { city: { enum: ["Paris", "Rome"] }, days: { type: "integer", maximum: 9 } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};
const time = {
  type: "function" as const,
  function: {
    name: "time",
    parameters: { type: "object", properties: {}, additionalProperties: false },
  },
};

describe("response_format", () => {
  it("json_schema gives valid JSON, whole and streamed", async () => {
    const schema = {
      type: "object",
      properties: {
        colour: { enum: ["red", "blue"] },
        count: { type: "integer", minimum: 0, maximum: 99 },
      },
      required: ["colour", "count"],
      additionalProperties: false,
    };
    const wish = {
      ...chat,
      response_format: { type: "json_schema" as const, json_schema: { name: "a", schema } },
    };
    const { choices } = await server.client.chat.completions.create(wish);
    const text = choices[0]?.message.content ?? "";
    expect(JSON.parse(text)).toEqual({
      colour: expect.stringMatching(/^(red|blue)$/),
      count: expect.any(Number),
    });
    let streamed = "";
    for await (const chunk of await server.client.chat.completions.create({
      ...wish,
      stream: true,
    })) {
      streamed += chunk.choices[0]?.delta.content ?? "";
    }
    expect(streamed).toBe(text);
  });

  it("grammar keeps completions to its texts", async () => {
    const grammar = 'root ::= "yes" | "no"';
    const wish = { model: "demo", prompt: "Is it?", max_tokens: 20, grammar };
    const { choices } = await server.client.completions.create(wish as never);
    expect(choices[0]?.text).toMatch(/^(yes|no)$/);
  });

  it.each([
    ["a schema is missing", { response_format: { type: "json_schema" } }],
    ["there are two forms", { response_format: { type: "json_object" }, grammar: 'root ::= "a"' }],
    ["the grammar is none", { grammar: "root ::= (" }],
    [
      "the schema is none",
      { response_format: { type: "json_schema", json_schema: { schema: { type: "cat" } } } },
    ],
    ["the type is unknown", { response_format: { type: "xml" } }],
  ])("is refused where %s", async (_, fields) => {
    const refused = server.client.chat.completions.create({ ...chat, ...fields } as never);
    await expect(refused).rejects.toMatchObject({ status: 400 });
    expect(server.faults).toEqual([]);
  });
});

describe("tools", () => {
  it("required: the answer is a call of one of them, with valid arguments", async () => {
    const wish = { ...chat, tools: [weather, time], tool_choice: "required" as const };
    const { choices } = await server.client.chat.completions.create(wish);
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
    const [call] = choices[0]?.message.tool_calls ?? [];
    if (call?.type !== "function") throw new Error("no call");
    expect(["weather", "time"]).toContain(call.function.name);
    expect(JSON.parse(call.function.arguments)).toBeTypeOf("object");
  });

  it("a named one is called, streamed, and its result goes on", async () => {
    const tool_choice = { type: "function" as const, function: { name: "weather" } };
    const wish = { ...chat, tools: [weather, time], tool_choice };
    const stream = server.client.chat.completions.stream(wish);
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0] ?? {};
    expect(finish_reason).toBe("tool_calls");
    const [call] = message?.tool_calls ?? [];
    if (call?.type !== "function" || !message) throw new Error("no call");
    expect(call.function.name).toBe("weather");
    expect(JSON.parse(call.function.arguments).city).toMatch(/^(Paris|Rome)$/);
    const result = { role: "tool" as const, tool_call_id: call.id, content: "Sunny." };
    const next = await server.client.chat.completions.create({
      ...chat,
      messages: [...chat.messages, message, result],
      tools: [weather, time],
    });
    expect(next.usage?.prompt_tokens).toBeGreaterThan(50);
  });

  it("JSON that was asked for is no call, though it has a name", async () => {
    const schema = {
      type: "object",
      properties: { name: { const: "Ann" } },
      required: ["name"],
      additionalProperties: false,
    };
    const { choices } = await server.client.chat.completions.create({
      ...chat,
      tools: [weather, time],
      response_format: { type: "json_schema", json_schema: { name: "person", schema } },
    });
    expect(choices[0]?.message.tool_calls).toBeUndefined();
    expect(JSON.parse(choices[0]?.message.content ?? "")).toEqual({ name: "Ann" });
  });

  it("a choice of what is not there is refused", async () => {
    const tool_choice = { type: "function" as const, function: { name: "other" } };
    const refused = server.client.chat.completions.create({ ...chat, tools: [time], tool_choice });
    await expect(refused).rejects.toMatchObject({ status: 400, param: "tool_choice" });
  });
});
