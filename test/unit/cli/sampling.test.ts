import { expect, it } from "vitest";
import { OPTIONS as OPTIONS_TABLE } from "../../../src/cli/options.ts";
import { givenSeed, samplingParams } from "../../../src/cli/sampling.ts";
import type { AddonHparams } from "../../../src/engine/binding.ts";
import { DEFAULT_SAMPLING } from "../../../src/engine/session.ts";
import type { Metadata } from "../../../src/gguf/types.ts";

const OPTIONS = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repeatPenalty: 1,
  repeatLastN: 64,
  frequencyPenalty: 0,
  presencePenalty: 0,
  logitBias: [{ token: 3, bias: Number.NEGATIVE_INFINITY }],
};
const METADATA: Metadata = new Map([
  ["general.sampling.temp", { type: "float32", value: 0.6 }],
  ["general.sampling.top_k", { type: "int32", value: 20 }],
]);

const modelWith = (metadata: Metadata) => ({
  metadata,
  hparams: { vocabSize: 4 } as AddonHparams,
});

it("a model's hints stand below every setting and above the built-in defaults", () => {
  const origins = { temperature: "--temperature", topK: "default", topP: "default" };
  const { temperature, topK, topP } = samplingParams(OPTIONS, origins, modelWith(METADATA));
  expect({ temperature, topK, topP }).toEqual({ temperature: 0.8, topK: 20, topP: 0.95 });
});

it("passes everything on", () => {
  expect(samplingParams(OPTIONS, {}, modelWith(new Map()))).toEqual({
    temperature: 0.8,
    topK: 40,
    topP: 0.95,
    minP: 0.05,
    repeatPenalty: 1,
    repeatLastN: 64,
    frequencyPenalty: 0,
    presencePenalty: 0,
    logitBias: [[3, Number.NEGATIVE_INFINITY]],
  });
});

it("a bias for a token that is not there is refused", () => {
  const logitBias = [{ token: 4, bias: 1 }];
  expect(() => samplingParams({ ...OPTIONS, logitBias }, {}, modelWith(new Map()))).toThrow(
    "--logit-bias: there is no token 4",
  );
});

it("the defaults of the options are those of the library", () => {
  const defaults = Object.keys(DEFAULT_SAMPLING).map((key) => [
    key,
    OPTIONS_TABLE[key as keyof typeof DEFAULT_SAMPLING].fallback,
  ]);
  expect(Object.fromEntries(defaults)).toEqual(DEFAULT_SAMPLING);
});

it("a seed of -1 is random, any other is meant", () => {
  expect([givenSeed(undefined), givenSeed(-1), givenSeed(-5), givenSeed(0)]).toEqual([
    undefined,
    undefined,
    -5,
    0,
  ]);
});
