import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningMean } from "../../../src/scoring/mean.ts";
import { idsOf, measurePerplexity } from "../../../src/scoring/perplexity.ts";
import { startServer, type TestServer } from "../../support/server.ts";

let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startServer();
  client = server.client;
});
afterAll(async () => {
  expect(server.faults).toEqual([]);
  await server[Symbol.asyncDispose]();
});

const TEXT =
  "Once upon a time there was a little cat. The cat liked to play with a red ball, and one day " +
  "the ball rolled away. \u{1f431} \u00abMiau\u00bb, said the cat, and went to look for it.";
const WISH = { model: "demo", prompt: TEXT, echo: true, logprobs: 2, temperature: 0 };

type Logprobs = OpenAI.CompletionChoice.Logprobs;

/** The one choice, with everything that it must have. */
async function ask(more: Partial<OpenAI.CompletionCreateParamsNonStreaming> = {}) {
  const answer = await client.completions.create({ ...WISH, ...more });
  const [choice] = answer.choices;
  if (!choice?.logprobs) throw new Error("no log-probabilities");
  const { tokens = [], token_logprobs, top_logprobs, text_offset = [] } = choice.logprobs;
  // The client's types know nothing of the first token's null.
  const logprobs = token_logprobs as (number | null)[];
  const tops = top_logprobs as (Record<string, number> | null)[];
  return { ...choice, tokens, logprobs, tops, offsets: text_offset, usage: answer.usage };
}

describe("a prompt that comes back with its log-probabilities", () => {
  it("has the scores of `bitnet perplexity`, to the last bit", async () => {
    const { model } = server.serving;
    const ids = idsOf(model, TEXT);
    const { logprobs, tokens } = await ask({ prompt: Array.from(ids), max_tokens: 0 });
    expect(tokens).toHaveLength(ids.length);
    expect(logprobs[0]).toBeNull();
    const expected = await measurePerplexity(model, TEXT, { ctxSize: ids.length });
    const losses = new RunningMean();
    for (const logprob of logprobs.slice(Math.floor(ids.length / 2) + 1))
      losses.add(-Number(logprob));
    expect(losses.count).toBe(expected.scored);
    expect(losses.mean).toBe(expected.loss);
  });

  it("lists the tokens of the text, and no other", async () => {
    const { text, tokens, tops, logprobs, offsets, finish_reason, usage } = await ask({
      max_tokens: 0,
    });
    expect([text, finish_reason]).toEqual([TEXT, "length"]);
    const { tokenizer } = server.serving.model;
    expect(tokens).toHaveLength(tokenizer.encode(TEXT, { special: true }).length);
    expect(usage).toMatchObject({
      completion_tokens: 0,
      total_tokens: idsOf(server.serving.model, TEXT).length,
    });
    expect([logprobs[0], tops[0], offsets[0]]).toEqual([null, null, 0]);
    const characters = [...TEXT];
    for (const [i, token] of tokens.entries()) {
      // Tokens of half a character stand where it does.
      const end = offsets[i + 1] ?? characters.length;
      const own = characters.slice(offsets[i], end).join("");
      if (!token.includes("\ufffd")) expect(own).toBe(token);
      if (i === 0) continue;
      const best = Math.max(...Object.values(tops[i] ?? {}));
      expect(tops[i]?.[token]).toBeGreaterThanOrEqual(Number(logprobs[i]));
      expect(best).toBeGreaterThanOrEqual(Number(logprobs[i]));
      expect(best).toBeLessThanOrEqual(0);
    }
    expect(offsets.at(-1)).toBeLessThan(characters.length);
  });

  it("goes on as it does without, and its own tokens follow", async () => {
    const plain = await client.completions.create({ ...WISH, echo: false, max_tokens: 6 });
    const { text, tokens, offsets, usage } = await ask({ max_tokens: 6 });
    const begin = [...TEXT].length;
    expect(text).toBe(TEXT + plain.choices[0]?.text);
    expect(tokens.slice(-6)).toEqual(plain.choices[0]?.logprobs?.tokens);
    expect(offsets.slice(-6)).toEqual(
      plain.choices[0]?.logprobs?.text_offset?.map((at) => at + begin),
    );
    expect(usage).toMatchObject({ completion_tokens: 6 });
  });

  it("comes in the first event of a stream", async () => {
    for (const max_tokens of [0, 3]) {
      const whole = await ask({ max_tokens });
      const all: Record<string, unknown[]> = {};
      let text = "";
      let finish: string | undefined;
      for await (const { choices } of await client.completions.create({
        ...WISH,
        max_tokens,
        stream: true,
      })) {
        text += choices[0]?.text;
        finish = choices[0]?.finish_reason ?? finish;
        const logprobs: Logprobs = choices[0]?.logprobs ?? {};
        for (const [name, list] of Object.entries(logprobs)) {
          all[name] = [...(all[name] ?? []), ...(list as unknown[])];
        }
      }
      expect([text, finish]).toEqual([whole.text, "length"]);
      expect(all).toEqual({
        tokens: whole.tokens,
        token_logprobs: whole.logprobs,
        top_logprobs: whole.tops,
        text_offset: whole.offsets,
      });
    }
  });

  it("tells an evaluation harness what the model would have chosen", async () => {
    // As lm-eval does: contexts and continuations as ids, one token more, the last one left out.
    const { tokenizer } = server.serving.model;
    const encode = (text: string) => Array.from(idsOf(server.serving.model, text));
    const context = encode("Once upon a");
    const rows = [" time", " xylophone"].map((text) => [
      ...context,
      ...tokenizer.encode(text, { special: false }),
    ]);
    const { choices } = await client.completions.create({
      ...WISH,
      prompt: rows,
      max_tokens: 1,
      logprobs: 1,
    });
    const judged = choices.map(({ logprobs }) => {
      const scores = (logprobs?.token_logprobs ?? []).slice(context.length, -1);
      const tops = (logprobs?.top_logprobs ?? []).slice(context.length, -1);
      const isGreedy = scores.every(
        (score, i) => score === Math.max(...Object.values(tops[i] ?? {})),
      );
      return { isGreedy, sum: scores.reduce((sum, score) => sum + score, 0) };
    });
    expect(judged.map(({ isGreedy }) => isGreedy)).toEqual([true, false]);
    expect(judged[0]?.sum).toBeGreaterThan(judged[1]?.sum ?? 0);
  });

  it("is the same whatever runs beside it, for every choice", async () => {
    const alone = await ask({ max_tokens: 2 });
    const [many, ...others] = await Promise.all([
      client.completions.create({ ...WISH, max_tokens: 2, n: 2 }),
      ask({ max_tokens: 2 }),
      ask({ max_tokens: 2 }),
      client.completions.create({ ...WISH, echo: false, max_tokens: 40 }),
    ]);
    for (const { logprobs } of many.choices)
      expect(logprobs?.token_logprobs).toEqual(alone.logprobs);
    expect(others[0].logprobs).toEqual(alone.logprobs);
    expect(others[1].logprobs).toEqual(alone.logprobs);
  });

  it.each<[string, object, object]>([
    [
      "an id outside the vocabulary",
      { prompt: [1, 2, 9_999_999] },
      { message: /outside the vocabulary/ },
    ],
    [
      "more than the window holds",
      { prompt: "word ".repeat(2000) },
      { code: "context_length_exceeded" },
    ],
    ["no tokens", { prompt: [[]] }, {}],
    ["a count below zero", { max_tokens: -1 }, { param: "max_tokens" }],
  ])("is refused for %s", async (_, fields, { message, ...error }: { message?: RegExp }) => {
    const refused = client.completions.create({ ...WISH, max_tokens: 0, ...fields });
    await expect(refused).rejects.toMatchObject({ status: 400, ...error });
    if (message) await expect(refused).rejects.toThrow(message);
  });
});

it("max_tokens 0 without a prompt that comes back gives nothing", async () => {
  const answer = await client.completions.create({ model: "demo", prompt: "Hi", max_tokens: 0 });
  expect(answer.choices).toEqual([{ index: 0, text: "", logprobs: null, finish_reason: "length" }]);
});
