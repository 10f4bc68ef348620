import type { SamplingParams } from "../engine/binding.ts";
import type { Model } from "../engine/model.ts";
import { UsageError } from "../errors.ts";
import type { OptionKey, OptionValues } from "./options.ts";
import { DEFAULT_ORIGIN, type Origins } from "./settings.ts";

const NUMBERS = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "repeatPenalty",
  "repeatLastN",
  "frequencyPenalty",
  "presencePenalty",
] as const satisfies readonly OptionKey[];
type SamplingNumber = (typeof NUMBERS)[number];

/** Options that choose the next token. */
export const SAMPLING_OPTIONS = [...NUMBERS, "logitBias", "seed"] as const;

type SamplingOptions = Pick<OptionValues<OptionKey>, SamplingNumber | "logitBias">;

/** What a model may recommend for itself (keys of llama.cpp's `general.sampling.*`). */
const HINTS = {
  temperature: "general.sampling.temp",
  topK: "general.sampling.top_k",
  topP: "general.sampling.top_p",
  minP: "general.sampling.min_p",
  repeatPenalty: "general.sampling.penalty_repeat",
  repeatLastN: "general.sampling.penalty_last_n",
} as const satisfies Partial<Record<OptionKey, string>>;

const RANDOM_SEED = -1;

/** The seed to ask the engine for; undefined lets it choose one. */
export function givenSeed(seed: number | undefined): number | undefined {
  return seed === RANDOM_SEED ? undefined : seed;
}

/** Sampling as the options say; where nobody said anything, as the model recommends.
 *  @throws {UsageError} a bias for a token that the model does not have */
export function samplingParams(
  options: SamplingOptions,
  origins: Origins,
  { metadata, hparams: { vocabSize } }: Pick<Model, "metadata" | "hparams">,
): Omit<SamplingParams, "seed"> {
  const hinted: Partial<Record<keyof typeof HINTS, number>> = {};
  for (const [name, metadataKey] of Object.entries(HINTS)) {
    const key = name as keyof typeof HINTS;
    const hint = metadata.get(metadataKey)?.value;
    if (origins[key] === DEFAULT_ORIGIN && typeof hint === "number") hinted[key] = hint;
  }
  const numbers = Object.fromEntries(NUMBERS.map((key) => [key, options[key]]));
  const logitBias = options.logitBias.map(({ token, bias }) => [token, bias] as const);
  const unknown = logitBias.find(([token]) => token >= vocabSize);
  if (unknown) {
    throw new UsageError(`--logit-bias: there is no token ${unknown[0]}`, {
      hint: `token ids of this model run from 0 to ${vocabSize - 1}`,
    });
  }
  return { ...(numbers as Record<SamplingNumber, number>), ...hinted, logitBias };
}
