import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AddonModel } from "../../src/engine/binding.ts";
import { tokenSet } from "../../src/engine/constraint.ts";
import { argmax, bitsOf, logSoftmax, rowsOf } from "../support/compare.ts";
import {
  evaluateAll,
  evaluatePieces,
  type Generation,
  generate,
  generateIn,
  loadGolden,
} from "../support/engine.ts";
import { goldenTextIds } from "../support/golden.ts";

const VOCAB_SIZE = 512;
const PROMPT = goldenTextIds().ids.slice(0, 40);
const LONG_PROMPT = goldenTextIds().ids.slice(0, 500);
const STEPS = 24;

let model: AddonModel;
let greedy: number[];
/** Logits that each greedy step chose from, evaluated anew. */
let stepLogits: Float32Array[];
beforeAll(async () => {
  model = await loadGolden("a-gguf", { batchSize: 16 });
  greedy = (await generate(model, PROMPT, { maxTokens: STEPS })).tokens;
  stepLogits = await logitsOfSteps(greedy);
});
afterAll(() => model.close());

/** Logits from which each token of a continuation of PROMPT was chosen. */
async function logitsOfSteps(tokens: readonly number[]): Promise<Float32Array[]> {
  const rows = rowsOf(await evaluateAll(model, [[...PROMPT, ...tokens]]), VOCAB_SIZE);
  return rows.slice(PROMPT.length - 1, -1);
}

describe("greedy", () => {
  it("takes the likeliest token at every step", () => {
    expect(greedy).toEqual(stepLogits.map(argmax));
  });

  it("is what top-k 1 gives at any temperature", async () => {
    const sampling = { temperature: 1.5, topK: 1, seed: 7n };
    expect((await generate(model, PROMPT, { maxTokens: STEPS, sampling })).tokens).toEqual(greedy);
  });

  it("goes on where a prompt in two parts left off", async () => {
    const sequence = model.createSequence(512);
    await evaluatePieces(sequence, [PROMPT.slice(0, 25)]);
    const { tokens } = await generateIn(sequence, PROMPT.slice(25), { maxTokens: STEPS });
    sequence.close();
    expect(tokens).toEqual(greedy);
  });
});

describe("sampling", () => {
  const sample = async (seed: bigint, other: AddonModel = model) => {
    const sampling = { temperature: 1, topK: 40, topP: 0.95, minP: 0.01, seed };
    return (await generate(other, PROMPT, { maxTokens: STEPS, sampling })).tokens;
  };

  it("gives the same text for the same seed", async () => {
    expect(await sample(42n)).toEqual(await sample(42n));
  });

  it("gives other texts for other seeds", async () => {
    const texts = [await sample(1n), await sample(2n), await sample(2n ** 63n)];
    expect(new Set(texts.map(String)).size).toBe(3);
  });

  it("does not depend on threads and batches", async () => {
    const other = await loadGolden("a-gguf", { threads: 3, batchSize: 7, mmap: true });
    expect(await sample(42n, other)).toEqual(await sample(42n));
    await other.close();
  });

  it("never leaves the k likeliest tokens", async () => {
    const sampling = { temperature: 3, topK: 5, seed: 1n };
    const { tokens } = await generate(model, PROMPT, { maxTokens: 100, sampling });
    for (const [i, logits] of (await logitsOfSteps(tokens)).entries()) {
      const better = logits.filter((x) => x > (logits[tokens[i] ?? -1] ?? Number.NaN));
      expect(better.length).toBeLessThan(5);
    }
  });

  it("obeys logit biases", async () => {
    const [first = -1] = greedy;
    const forced = await generate(model, PROMPT, {
      maxTokens: 5,
      sampling: { logitBias: [[123, 1000]] },
    });
    expect(forced.tokens).toEqual([123, 123, 123, 123, 123]);
    const banned = await generate(model, PROMPT, {
      maxTokens: STEPS,
      sampling: { temperature: 1, logitBias: [[first, Number.NEGATIVE_INFINITY]] },
    });
    expect(banned.tokens).not.toContain(first);
  });

  it("reports the log-probabilities of the model", async () => {
    const { tokens, logprobs } = await generate(model, PROMPT, { maxTokens: 8, logprobs: 3 });
    expect(logprobs).toHaveLength(8);
    for (const [i, { logprob, top }] of logprobs.entries()) {
      const expected = logSoftmax(stepLogits[i] ?? new Float32Array());
      expect(logprob).toBeCloseTo(expected[tokens[i] ?? -1] ?? Number.NaN, 4);
      expect(top.map(({ token }) => token)[0]).toBe(tokens[i]);
      expect(top.map(({ logprob: p }) => p)).toEqual(
        top.map(({ logprob: p }) => p).sort((a, b) => b - a),
      );
      for (const { token, logprob: p } of top) {
        expect(p).toBeCloseTo(expected[token] ?? Number.NaN, 4);
      }
      expect(top).toHaveLength(3);
    }
  });
});

describe("the mask hook", () => {
  const ALLOWED = [[7, 8, 9], [100, 200, 300, 400], [511], [0, 1], [50, 60, 70, 80, 90]];

  it("is asked before every step and obeyed", async () => {
    const maxTokens = ALLOWED.length;
    const mask = (step: number) => ALLOWED[step] ?? [];
    const { tokens, maskSteps } = await generate(model, PROMPT, { maxTokens, mask });
    expect(maskSteps).toEqual([0, 1, 2, 3, 4]);
    const expected = (await logitsOfSteps(tokens)).map((logits, step) => {
      const open = logits.map((x, id) => (mask(step).includes(id) ? x : Number.NEGATIVE_INFINITY));
      return argmax(open);
    });
    expect(tokens).toEqual(expected);
  });

  it("allows any token with an empty mask", async () => {
    const { tokens } = await generate(model, PROMPT, { maxTokens: STEPS, mask: () => [] });
    expect(tokens).toEqual(greedy);
  });

  it("does not hold other sequences up", async () => {
    const waiting = model.createSequence(512);
    let pending: Promise<Generation> | undefined;
    await new Promise<void>((asked) => {
      pending = generateIn(waiting, PROMPT, { maxTokens: 1, mask: () => void asked() });
    });
    expect((await generate(model, PROMPT, { maxTokens: STEPS })).tokens).toEqual(greedy);
    waiting.setMask(0, tokenSet([3]));
    expect((await pending)?.tokens).toEqual([3]);
    waiting.close();
  });

  it("can be cancelled while it waits", async () => {
    const sequence = model.createSequence(512);
    const { finishReason } = await generateIn(sequence, PROMPT, {
      maxTokens: 5,
      mask: () => undefined,
      onTokens: () => sequence.cancel(),
    });
    sequence.close();
    expect(finishReason).toBe("cancelled");
  });
});

describe("a generation ends", () => {
  it("after the tokens asked for", async () => {
    const result = await generate(model, PROMPT, { maxTokens: 5 });
    expect(result).toMatchObject({
      finishReason: "length",
      promptTokens: PROMPT.length,
      generatedTokens: 5,
      tokens: greedy.slice(0, 5),
    });
  });

  it("at a stop token", async () => {
    const at = greedy.findIndex((token, i) => i > 3 && greedy.indexOf(token) === i);
    const stop = greedy[at] ?? -1;
    const result = await generate(model, PROMPT, { maxTokens: STEPS, stopTokens: [stop, 0] });
    expect(result).toMatchObject({ finishReason: "stop", stopToken: stop });
    expect(result.tokens.filter((token) => token !== stop)).toEqual(greedy.slice(0, at));
  });

  it("when the context is full", async () => {
    const contextLength = PROMPT.length + 6;
    const { finishReason, tokens } = await generate(model, PROMPT, {
      maxTokens: -1,
      contextLength,
    });
    expect(finishReason).toBe("context");
    expect(tokens.length).toBeGreaterThanOrEqual(6);
    expect(tokens).toEqual(greedy.slice(0, tokens.length));
  });

  it("when it is cancelled, and the sequence can be used again", async () => {
    const sequence = model.createSequence(512);
    const { finishReason, tokens } = await generateIn(sequence, PROMPT, {
      maxTokens: -1,
      onTokens: (soFar) => {
        if (soFar.length > 0) sequence.cancel();
      },
    });
    expect(finishReason).toBe("cancelled");
    expect(tokens.length).toBeGreaterThan(0);
    sequence.truncate(0);
    const again = await evaluatePieces(sequence, [PROMPT]);
    sequence.close();
    expect(bitsOf(again).equals(bitsOf(await evaluateAll(model, [PROMPT])))).toBe(true);
  });

  it("when it is cancelled before the prompt is through", async () => {
    const slow = await loadGolden("a-gguf", { batchSize: 1 });
    const sequence = slow.createSequence(512);
    const generation = generateIn(sequence, LONG_PROMPT, { maxTokens: -1 });
    sequence.cancel();
    expect(await generation).toMatchObject({ finishReason: "cancelled", tokens: [] });
    expect(sequence.length()).toBeLessThan(LONG_PROMPT.length);
    sequence.close();
    await slow.close();
  });
});

describe("what cannot be evaluated is refused", () => {
  it("more tokens than the context holds", async () => {
    const sequence = model.createSequence(10);
    await expect(evaluatePieces(sequence, [PROMPT])).rejects.toMatchObject({ code: "E_RESOURCE" });
    sequence.close();
  });

  it.each([-1, VOCAB_SIZE, 2 ** 31 - 1])("token id %i", async (id) => {
    await expect(evaluateAll(model, [[1, id]])).rejects.toMatchObject({ code: "E_USAGE" });
  });

  it("and the engine goes on", async () => {
    expect((await generate(model, PROMPT, { maxTokens: STEPS })).tokens).toEqual(greedy);
  });
});
