import { describe, expect, it } from "vitest";
import { parseRequest } from "../../../src/batch/request.ts";

const parse = (value: unknown) => parseRequest(JSON.stringify(value), 7);
const refusal = (text: string) => {
  const request = parseRequest(text, 7);
  if (!("error" in request)) expect.unreachable(`accepted: ${text}`);
  return { id: request.id, message: request.error.message };
};

describe("a line of a batch", () => {
  it("holds a prompt or messages, an id and metadata", () => {
    const metadata = { user: [1, null] };
    expect(parse({ id: "a", prompt: "x", metadata })).toEqual({
      id: "a",
      line: 7,
      input: { prompt: "x" },
      options: {},
      metadata,
    });
    const messages = [
      { role: "system", content: "be brief" },
      { role: "user", content: "hi" },
    ];
    expect(parse({ id: 3, messages })).toEqual({
      id: 3,
      line: 7,
      input: { messages },
      options: {},
    });
  });

  it("has its number for an id when it names none", () => {
    expect(parse({ prompt: "x" }).id).toBe(7);
    expect(parse({ prompt: "x", id: null }).id).toBe(7);
  });

  it("may set every option, also by the names of other programs", () => {
    const options = {
      nPredict: -1,
      stop: ["."],
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0.5,
      repeatPenalty: 1.1,
      repeatLastN: -1,
      frequencyPenalty: -2,
      presencePenalty: 2,
      seed: -5,
    };
    expect(parse({ prompt: "x", ...options })).toMatchObject({ options });
    const openai = { custom_id: "c", max_tokens: 5, top_p: 0.5, stop: "." };
    expect(parse({ prompt: "x", ...openai })).toMatchObject({
      id: "c",
      options: { nPredict: 5, topP: 0.5, stop: ["."] },
    });
  });
});

describe("a line that is no request", () => {
  it.each([
    ['{"id": "a"', 7, /^not JSON: /],
    ["[]", 7, /^not a JSON object$/],
    ["null", 7, /^not a JSON object$/],
    ['{"id":"a"}', "a", /^neither prompt nor messages$/],
    ['{"id":"a","prompt":"x","messages":[]}', "a", /^prompt and messages exclude one another$/],
    ['{"id":"a","prompt":5}', "a", /^prompt: expected a text$/],
    ['{"id":"a","messages":[{"role":"me","content":"x"}]}', "a", /^messages\[0\].role: unknown/],
    ['{"id":1.5,"prompt":"x"}', 7, /^id: expected a text or a whole number$/],
    ['{"id":"","prompt":"x"}', 7, /^id: expected/],
    ['{"id":"a","prompt":"x","topP":1.5}', "a", /^topP: expected a number from 0 to 1$/],
    ['{"id":"a","prompt":"x","topK":0.5}', "a", /^topK: expected a whole number of at least 0$/],
    ['{"id":"a","prompt":"x","seed":"5"}', "a", /^seed: expected a whole number$/],
    [
      '{"id":"a","prompt":"x","repeatPenalty":0}',
      "a",
      /^repeatPenalty: expected a number above 0$/,
    ],
    ['{"id":"a","prompt":"x","stop":[""]}', "a", /^stop: expected a text or a list/],
    ['{"id":"a","prompt":"x","tempreture":1}', "a", /^unknown field "tempreture"$/],
    ['{"id":"a","prompt":"x","toString":1}', "a", /^unknown field "toString"$/],
    ['{"id":"a","prompt":"x","max_tokens":1,"nPredict":2}', 7, /^nPredict is given twice$/],
  ])("%s", (text, id, message) => {
    expect(refusal(text)).toEqual({ id, message: expect.stringMatching(message) });
  });
});
