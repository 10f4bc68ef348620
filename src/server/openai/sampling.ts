import type { SamplingParams } from "../../engine/binding.ts";
import type { GenerateOptions } from "../../engine/session.ts";
import { ApiError } from "../api-error.ts";
import type { Serving } from "../backend.ts";
import type { SamplingFields } from "../schemas/sampling.ts";

/** What to generate, as the request says and, where it says nothing, as the server does.
 *  @throws {ApiError} a bias for a token that the model does not have */
export function generateOptions(
  fields: SamplingFields,
  { defaults, model }: Pick<Serving, "defaults" | "model">,
  { maxTokens, ...more }: Pick<GenerateOptions, "maxTokens" | "logprobs" | "constraint"> = {},
): GenerateOptions {
  const { stop } = fields;
  const asked: { [K in keyof SamplingParams]?: SamplingParams[K] | null | undefined } = {
    temperature: fields.temperature,
    topK: fields.top_k,
    topP: fields.top_p,
    minP: fields.min_p,
    repeatPenalty: fields.repeat_penalty,
    repeatLastN: fields.repeat_last_n,
    frequencyPenalty: fields.frequency_penalty,
    presencePenalty: fields.presence_penalty,
    logitBias: fields.logit_bias && biases(fields.logit_bias, model.hparams.vocabSize),
  };
  const given = Object.entries(asked).filter(([, value]) => value != null);
  return {
    ...defaults,
    maxTokens: maxTokens ?? fields.max_tokens ?? defaults.maxTokens,
    stop: stop == null ? defaults.stop : [stop].flat(),
    seed: fields.seed ?? defaults.seed,
    sampling: { ...defaults.sampling, ...Object.fromEntries(given) },
    ...more,
  };
}

function biases(fields: object, vocabSize: number): SamplingParams["logitBias"] {
  return Object.entries(fields as Record<string, number>).map(([id, bias]) => {
    if (Number(id) < vocabSize) return [Number(id), bias];
    throw new ApiError("INVALID_INPUT", `logit_bias: there is no token ${id}`, {
      param: "logit_bias",
    });
  });
}
