import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer, type TestServer, withoutEnd } from "../../support/server.ts";

let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startServer();
  client = server.client;
});
afterAll(() => server[Symbol.asyncDispose]());

const QUESTION = [{ role: "user", content: "What is 2 + 3?" }] as const;
const chat = { model: "demo", messages: [...QUESTION] };

describe("chat completions, by the official client", () => {
  it("answers whole", async () => {
    const answer = await client.chat.completions.create({ ...chat, temperature: 0 });
    expect(answer).toMatchObject({
      object: "chat.completion",
      model: "demo",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "2 + 3 = 5" },
          finish_reason: "stop",
          logprobs: null,
        },
      ],
      usage: { prompt_tokens: 15, completion_tokens: 7, total_tokens: 22 },
    });
  });

  it("streams the same text, with usage at the end", async () => {
    const stream = await client.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let finish: string | null | undefined;
    const usages = [];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usages.push(chunk.usage);
    }
    expect(text).toBe("2 + 3 = 5");
    expect(finish).toBe("stop");
    expect(usages.at(-1)).toMatchObject({ prompt_tokens: 15, completion_tokens: 7 });
    expect(usages.slice(0, -1).every((usage) => usage === null)).toBe(true);
  });

  it("gives the answers of n choices seeds of their own, the same each time", async () => {
    const messages = [{ role: "user", content: "Tell me a story." }] as const;
    const sampling = { n: 3, seed: 5, temperature: 1.5, max_completion_tokens: 12 };
    const wish = { ...chat, ...sampling, messages: [...messages] };
    const texts = async () => {
      const { choices } = await client.chat.completions.create(wish);
      return choices.map(({ message }) => message.content);
    };
    const first = await texts();
    expect(new Set(first).size).toBeGreaterThan(1);
    expect(await texts()).toEqual(first);
    const second = await client.chat.completions.create({ ...wish, n: 1, seed: 6 });
    expect(second.choices[0]?.message.content).toBe(first[1]);
  });

  it("tells log-probabilities of the tokens and of alternatives", async () => {
    const wish = { ...chat, logprobs: true, top_logprobs: 3 };
    const { choices } = await client.chat.completions.create(wish);
    const content = choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join("")).toBe("2 + 3 = 5");
    for (const { token, bytes, logprob, top_logprobs: top } of content) {
      expect(Buffer.from(bytes ?? []).toString()).toBe(token);
      expect(top).toHaveLength(3);
      expect(top[0]).toMatchObject({ token, logprob }); // greedy
    }
  });

  it("obeys stop, max_tokens, logit_bias and penalties", async () => {
    const stopped = await client.chat.completions.create({ ...chat, stop: [" ="] });
    expect(stopped.choices[0]).toMatchObject({
      message: { content: "2 + 3" },
      finish_reason: "stop",
    });
    const short = await client.chat.completions.create({ ...chat, max_tokens: 2 });
    expect(short.choices[0]).toMatchObject({
      message: { content: "2 +" },
      finish_reason: "length",
    });
    const [two] = server.serving.model.tokenizer.encode("2", { special: false });
    const biased = await client.chat.completions.create({
      ...chat,
      logit_bias: { [`${two}`]: -100 },
    });
    expect(biased.choices[0]?.message.content).not.toContain("2");
    const penalised = await client.chat.completions.create({ ...chat, presence_penalty: 2 });
    expect(penalised.usage?.completion_tokens).toBeGreaterThan(0);
  });

  it("ends at a stop text, even the first, and counts the tokens up to there", async () => {
    const wish = { ...chat, temperature: 0, n: 2 };
    const first = await client.chat.completions.create({ ...wish, stop: "2" });
    const { choices, usage } = await client.chat.completions.create({ ...wish, stop: ["3 ="] });
    expect(first.choices.map(({ message }) => message.content)).toEqual(["", ""]);
    expect(first.usage).toMatchObject({ prompt_tokens: 15, completion_tokens: 2 });
    expect(choices.map(({ message }) => message.content)).toEqual(["2 + ", "2 + "]);
    const counts = new Set([usage?.completion_tokens]);
    for (let i = 0; i < 5; i++) {
      const again = await client.chat.completions.create({ ...wish, stop: ["3 ="] });
      counts.add(again.usage?.completion_tokens);
    }
    expect([...counts]).toEqual([2 * 5]); // `2`, ` +`, ` `, `3`, ` =`
    const events = [];
    const asked = { ...wish, stop: "2", stream: true, stream_options: { include_usage: true } };
    for await (const event of await client.chat.completions.create(
      asked as typeof asked & { stream: true },
    )) {
      events.push(event);
    }
    expect(events.map(({ choices: [one] }) => one?.delta.content ?? "").join("")).toBe("");
    const finishes = events.flatMap(({ choices: [one] }) =>
      one?.finish_reason ? [`${one.index} ${one.finish_reason}`] : [],
    );
    expect(finishes.toSorted()).toEqual(["0 stop", "1 stop"]);
    expect(events.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
  });

  it("streams the n choices that it gives whole", async () => {
    const wish = { ...chat, n: 3, seed: 9, temperature: 1.2, max_tokens: 24 };
    const whole = await client.chat.completions.create(wish);
    const texts = ["", "", ""];
    for await (const { choices } of await client.chat.completions.create({
      ...wish,
      stream: true,
    })) {
      for (const { index, delta } of choices) texts[index] += delta.content ?? "";
    }
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content));
  });

  it("takes messages of parts, developer messages and unknown fields", async () => {
    const answer = await client.chat.completions.create({
      ...chat,
      messages: [{ role: "user", content: [{ type: "text", text: "What is 2 + 3?" }] }],
      metadata: { a: "b" },
      user: "somebody",
    });
    expect(answer.choices[0]?.message.content).toBe("2 + 3 = 5");
  });

  it("ends with the client's abort", async () => {
    const before = server.ends.length;
    const stream = await client.chat.completions.create({
      model: "demo",
      messages: [{ role: "user", content: "Tell me a story." }],
      max_tokens: 480,
      logit_bias: withoutEnd(server),
      stream: true,
    });
    for await (const _ of stream) break;
    await expect.poll(() => server.ends.length).toBe(before + 1);
    expect(server.ends.at(-1)?.outcome).toBe("cancelled");
    expect(server.serving.service.state()).toMatchObject({ active: 0, queued: 0 });
  });

  it.each<[string, object, string]>([
    ["an unknown role", { messages: [{ role: "boss", content: "" }] }, "messages[0].role"],
    ["no messages", { messages: [] }, "messages"],
    [
      "a picture",
      { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
      "messages[0].content[0]",
    ],
    ["a number out of range", { top_p: 2 }, "top_p"],
    ["a token that is none", { logit_bias: { 999999: 1 } }, "logit_bias"],
  ])("refuses %s by name", async (_, fields, param) => {
    const refused = client.chat.completions.create({ ...chat, ...fields } as never);
    await expect(refused).rejects.toMatchObject({
      constructor: OpenAI.BadRequestError,
      status: 400,
      type: "invalid_request_error",
      param,
    });
  });

  it("refuses a conversation that does not fit", async () => {
    const content = "word ".repeat(2000);
    const refused = client.chat.completions.create({
      ...chat,
      messages: [{ role: "user", content }],
    });
    await expect(refused).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
  });
});

describe("completions, by the official client", () => {
  it("goes on from texts and token ids, in order", async () => {
    const wish = { model: "demo", max_tokens: 8, temperature: 0 };
    const one = async (prompt: string | number[]) =>
      (await client.completions.create({ ...wish, prompt })).choices[0]?.text;
    const texts = ["Once upon a time", "The sky is"];
    const both = await client.completions.create({ ...wish, prompt: texts, n: 2 });
    expect(both.choices.map(({ text }) => text)).toEqual([
      await one("Once upon a time"),
      await one("Once upon a time"),
      await one("The sky is"),
      await one("The sky is"),
    ]);
    expect(both.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    const { tokenizer } = server.serving.model;
    const ids = tokenizer.encode("Once upon a time", { special: false });
    const begin = tokenizer.addBos && tokenizer.bos !== undefined ? [tokenizer.bos] : [];
    expect(await one([...begin, ...ids])).toBe(both.choices[0]?.text);
  });

  it("streams, echoes, and tells log-probabilities", async () => {
    const wish = { model: "demo", prompt: "Once upon a time", max_tokens: 8 };
    const whole = await client.completions.create({ ...wish, echo: true });
    let text = "";
    for await (const chunk of await client.completions.create({
      ...wish,
      echo: true,
      stream: true,
    })) {
      text += chunk.choices[0]?.text ?? "";
    }
    expect(text).toBe(whole.choices[0]?.text);
    expect(text.startsWith("Once upon a time")).toBe(true);
    const scored = await client.completions.create({ ...wish, logprobs: 2 });
    const { tokens = [], text_offset: offsets = [] } = scored.choices[0]?.logprobs ?? {};
    expect(tokens.join("")).toBe(scored.choices[0]?.text);
    expect(offsets[1]).toBe(tokens[0]?.length);
  });

  it("cuts no character, however many tokens it has, and says where each stands", async () => {
    const grammar = 'root ::= "\u{1f431}\u00e9\u{1f600}."';
    const wish = { model: "demo", prompt: "Hi", max_tokens: 40, logprobs: 0, grammar };
    const { choices } = await client.completions.create(wish);
    expect(choices[0]?.text).toBe("\u{1f431}\u00e9\u{1f600}.");
    const { tokens = [], text_offset: offsets = [] } = choices[0]?.logprobs ?? {};
    expect(tokens.length).toBeGreaterThan(4);
    expect([offsets[0], offsets.at(-1)]).toEqual([0, 3]);
    let text = "";
    const asked = { ...wish, logprobs: null, stream: true as const };
    for await (const event of await client.completions.create(asked)) {
      expect(event.choices[0]?.text).not.toContain("\ufffd");
      text += event.choices[0]?.text;
    }
    expect(text).toBe(choices[0]?.text);
  });

  it.each([
    ["suffix", { suffix: "end" }],
    ["best_of", { best_of: 3 }],
    ["prompt", { prompt: ["a", 1] }],
  ])("refuses %s that it does not know", async (param, fields) => {
    const refused = client.completions.create({ model: "demo", prompt: "a", ...fields } as never);
    await expect(refused).rejects.toMatchObject({ status: 400, param });
  });
});

describe("embeddings, by the official client", () => {
  it("gives unit vectors, as numbers and in base64", async () => {
    const wish = { model: "demo", input: ["a cat", "a dog"] };
    const plain = await client.embeddings.create({ ...wish, encoding_format: "float" });
    const packed = await client.embeddings.create(wish); // the client asks for base64
    expect(plain.data).toHaveLength(2);
    expect(packed.data.map(({ embedding }) => [...embedding])).toEqual(
      plain.data.map(({ embedding }) => embedding.map(Math.fround)),
    );
    const [first = []] = plain.data.map(({ embedding }) => embedding);
    expect(Math.hypot(...first)).toBeCloseTo(1, 5);
    expect(plain.usage.total_tokens).toBeGreaterThan(4);
    const short = await client.embeddings.create({ ...wish, dimensions: 16 });
    expect(short.data[0]?.embedding).toHaveLength(16);
  });

  it("takes as many texts as OpenAI's does, and not more", async () => {
    const wish = { model: "demo", encoding_format: "float" as const, dimensions: 1 };
    const { data } = await client.embeddings.create({ ...wish, input: Array(100).fill("a") });
    expect(data).toHaveLength(100);
    const refused = client.embeddings.create({ ...wish, input: Array(2049).fill("a") });
    await expect(refused).rejects.toMatchObject({ status: 400, param: "input" });
    await expect(refused).rejects.toThrow("more than 2048 items");
  });

  it("refuses a text that the window does not hold", async () => {
    const refused = client.embeddings.create({ model: "demo", input: "word ".repeat(2000) });
    await expect(refused).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
  });

  it("refuses more dimensions than there are", async () => {
    const refused = client.embeddings.create({ model: "demo", input: "a", dimensions: 99999 });
    await expect(refused).rejects.toMatchObject({ status: 400, param: "dimensions" });
  });
});

describe("models, by the official client", () => {
  it("lists the one, and knows no other", async () => {
    const { data } = await client.models.list();
    expect(data).toMatchObject([{ id: "demo", object: "model" }]);
    expect(await client.models.retrieve("demo")).toMatchObject({ id: "demo" });
    await expect(client.models.retrieve("other")).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
  });
});
