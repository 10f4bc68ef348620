import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileConstraint } from "../../src/constrain/constraint.ts";
import { bundledModelPath } from "../../src/engine/bundled.ts";
import type { GenerateOptions } from "../../src/engine/session.ts";
import { type OpenModel, openModel } from "../../src/index.ts";

let model: OpenModel;
beforeAll(async () => {
  model = await openModel(bundledModelPath());
});
afterAll(() => model.close());

/** Draws from the whole vocabulary, so that only the grammar keeps the text in shape. */
const WILD = { temperature: 3, topK: 0, topP: 1, minP: 0 };

async function say(options: GenerateOptions, prompt = "Once") {
  const session = model.createSession();
  const generation = session.generate(model.encode(prompt), { sampling: WILD, ...options });
  const text = await generation.text();
  session.close();
  return { text, ...(await generation.result) };
}

describe("a grammar", () => {
  it("is the whole of what comes out, its first space included", async () => {
    const constraint = await model.constrain({
      grammar: 'root ::= " yes" | "no" | "maybe " [0-9]{2,3} | "\\u00fc\\U0001f600"',
    });
    const texts = new Set<string>();
    for (let seed = 0; seed < 8; seed++) {
      const { text, finishReason, complete } = await say({ constraint, seed }, "");
      expect(text).toMatch(/^(?: yes|no|maybe [0-9]{2,3}|ü😀)$/u);
      expect({ finishReason, complete }).toEqual({ finishReason: "stop", complete: true });
      texts.add(text.replace(/[0-9]+/, ""));
    }
    expect(texts.size).toBeGreaterThan(1);
  });

  it("ends a text that no stop token can end", async () => {
    const constraint = await model.constrain({ grammar: 'root ::= "one" " two"' });
    const { text, finishReason, stopToken, complete } = await say({ constraint, stopTokens: [] });
    expect({ text, finishReason, stopToken, complete }).toEqual({
      text: "one two",
      finishReason: "stop",
      stopToken: undefined,
      complete: true,
    });
  });

  it("tells a text that a limit cut from a whole one", async () => {
    const constraint = await model.constrain({ grammar: 'root ::= "a" [b]* "c"' });
    const cut = await say({ constraint, maxTokens: 1, seed: 1 });
    expect(cut).toMatchObject({ finishReason: "length", complete: false });
    const { text } = await say({ constraint, seed: 1 });
    expect(text).toMatch(/^ab*c$/);
    const digits = await model.constrain({ grammar: "root ::= [0-9]+" });
    const whole = await say({ constraint: digits, maxTokens: 2, stopTokens: [] });
    expect(whole).toMatchObject({ finishReason: "length", complete: true });
  });

  it.each([
    ['root ::= "a" b', /line 1, column 14: Rule "b" is not defined/],
    ['start ::= "a"', /root rule with name "root" is not found/],
    ["root ::= [a", /Unterminated character class/],
    ["", /root/],
    [`root ::= "${"a".repeat(300_000)}"`, /at most 262144/],
  ])("that is wrong is refused in the library's words: %.20s", async (grammar, words) => {
    await expect(model.constrain({ grammar })).rejects.toThrow(words);
    await expect(model.constrain({ grammar })).rejects.toMatchObject({ code: "E_USAGE" });
    const constraint = await model.constrain({ json: true });
    expect((await say({ constraint, maxTokens: 8 })).text).toMatch(/^{/);
  });

  it("that nothing can end or go on with says so", async () => {
    const constraint = await model.constrain({ grammar: 'root ::= "a" b\nb ::= "b" b' });
    const { complete } = await say({ constraint, maxTokens: 9 });
    expect(complete).toBe(false);
  });
});

describe("a constraint", () => {
  it("is compiled once for the same text", async () => {
    const first = await model.constrain({ grammar: 'root ::= "once"' });
    expect(await model.constrain({ grammar: 'root ::= "once"' })).toBe(first);
    expect(await model.constrain({ grammar: 'root ::= "twice"' })).not.toBe(first);
  });

  it("serves many generations at once, beside free ones, which it does not change", async () => {
    const constraint = await model.constrain({ json: true });
    const options = (i: number) => (i % 2 ? { constraint } : {});
    const alone = [];
    for (let i = 0; i < 6; i++) alone.push(await say({ ...options(i), seed: i, maxTokens: 16 }));
    const together = await Promise.all(
      alone.map((_, i) => say({ ...options(i), seed: i, maxTokens: 16 })),
    );
    expect(together.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
  });

  it("works with stop strings and log-probabilities, which stay those of the model", async () => {
    const constraint = await model.constrain({ grammar: 'root ::= "abc" "STOP" "def"' });
    const cut = await say({ constraint, stop: ["STOP"] });
    expect(cut).toMatchObject({ text: "abc", finishReason: "stop", complete: false });
    const [free, bound] = await Promise.all(
      [undefined, constraint].map(async (given) => {
        const session = model.createSession();
        const ids = model.encode("Once");
        const generation = session.generate(ids, { constraint: given, maxTokens: 1, logprobs: 3 });
        for await (const { tokens } of generation) return tokens?.[0]?.top;
        return undefined;
      }),
    );
    expect(bound).toEqual(free);
  });

  it("goes together with no mask and with exactly one kind of what is wanted", async () => {
    const constraint = await model.constrain({ json: true });
    await expect(say({ constraint, mask: () => [] })).rejects.toThrow(/exclude/);
    await expect(compileConstraint(model.tokenizer, {})).rejects.toThrow(/one of them/);
    const both = { json: true, grammar: "root ::= [a]" } as const;
    await expect(compileConstraint(model.tokenizer, both)).rejects.toThrow(/one of them/);
  });

  it("can be cancelled, and left by a session that closes", async () => {
    const constraint = await model.constrain({ json: true });
    const session = model.createSession();
    const generation = session.generate(model.encode("Once"), { constraint, sampling: WILD });
    for await (const _ of generation) break;
    expect(await generation.result).toMatchObject({ finishReason: "cancelled", complete: false });
    const closed = session.generate(model.encode("Once"), { constraint, sampling: WILD });
    session.close();
    await closed.result.catch(() => {});
  });
});
