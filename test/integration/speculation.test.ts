import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AddonModel } from "../../src/engine/binding.ts";
import {
  type GenerateOptions,
  type Generation,
  generate,
  generateIn,
  loadGolden,
} from "../support/engine.ts";
import { goldenTextIds } from "../support/golden.ts";

// Guessing ahead changes how long a text takes and nothing else: same tokens, same
// log-probabilities, whoever else is in the batch.

const TEXT = goldenTextIds().ids;
/** Prompts with much to look up, little, and nothing. */
const PROMPTS = [
  [...TEXT.slice(0, 40), ...TEXT.slice(0, 40), ...TEXT.slice(0, 10)],
  TEXT.slice(100, 180),
  [TEXT[7] ?? 0],
];
const SEEDS = [1n, 2n];
const STEPS = 50;

/** What a request gives, without what depends on the clock or on guesses. */
function outcome({ tokens, logprobs, finishReason, stopToken }: Generation) {
  return { tokens, logprobs, finishReason, stopToken };
}

/** Requests of every kind, each with its prompt. */
function requests(): readonly (readonly [readonly number[], GenerateOptions])[] {
  return PROMPTS.flatMap((prompt, i) =>
    SEEDS.flatMap((seed) => [
      [prompt, { maxTokens: STEPS, sampling: { temperature: 0.2, seed } }] as const,
      [prompt, { maxTokens: STEPS, logprobs: 3, sampling: { temperature: 1, seed } }] as const,
      [
        prompt,
        {
          maxTokens: -1,
          logprobs: 0,
          stopTokens: TEXT.slice(200 + i, 210 + i),
          sampling: { repeatPenalty: 1.1, repeatLastN: -1, temperature: 0.5, seed },
        },
      ] as const,
    ]),
  );
}

describe.each([1, 3])("with %i threads", (threads) => {
  let model: AddonModel;
  let plain: readonly Generation[];
  beforeAll(async () => {
    model = await loadGolden("a-gguf", { threads, batchSize: 64 });
    plain = await inTurn("off");
  });
  afterAll(() => model.close());

  async function inTurn(speculate: "off" | "always"): Promise<readonly Generation[]> {
    const results: Generation[] = [];
    for (const [prompt, options] of requests()) {
      results.push(await generate(model, prompt, { contextLength: 200, ...options, speculate }));
    }
    return results;
  }

  it("a sequence gives the same with guesses and without", async () => {
    const guessed = await inTurn("always");
    expect(guessed.map(outcome)).toEqual(plain.map(outcome));
    const sum = (key: "draftedTokens" | "acceptedTokens", of: readonly Generation[]) =>
      of.reduce((total, each) => total + each[key], 0);
    expect(sum("draftedTokens", plain)).toBe(0);
    expect(sum("acceptedTokens", guessed)).toBeGreaterThan(50);
    expect(sum("draftedTokens", guessed)).toBeGreaterThan(sum("acceptedTokens", guessed));
  });

  it("so do many that join and leave", async () => {
    const waiting = requests().map((request, i) => ({ request, i }));
    const results: Generation[] = [];
    const kinds = ["auto", "always", "off"] as const;
    const workers = Array.from({ length: 5 }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [prompt, options] = next.request;
        const speculate = kinds[next.i % kinds.length] ?? "off";
        results[next.i] = await generate(model, prompt, {
          contextLength: 200,
          ...options,
          speculate,
        });
      }
    });
    await Promise.all(workers);
    expect(results.map(outcome)).toEqual(plain.map(outcome));
  });

  it("a sequence under a mask never guesses", async () => {
    const [prompt = []] = PROMPTS;
    const result = await generate(model, prompt, { speculate: "always", mask: () => [5, 6] });
    expect(result.tokens.every((id) => id === 5 || id === 6)).toBe(true);
    expect(result.draftedTokens).toBe(0);
  });

  it("a sequence goes on after one that guessed", async () => {
    const [prompt = []] = PROMPTS;
    const lengths: number[] = [];
    const texts: (readonly number[])[] = [];
    for (const speculate of ["off", "always"] as const) {
      const sequence = model.createSequence(400);
      await generateIn(sequence, prompt, { maxTokens: 30, speculate });
      lengths.push(sequence.length());
      texts.push((await generateIn(sequence, TEXT.slice(0, 9), { speculate })).tokens);
      sequence.close();
    }
    expect(lengths[1]).toBe(lengths[0]);
    expect(texts[1]).toEqual(texts[0]);
  });
});
