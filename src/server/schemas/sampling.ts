import { type Static, type TSchema, Type } from "typebox";
import { optional } from "./common.ts";

/** Of each choice of `n`, of stop texts and of their length: more is no use to anybody. */
export const MAX_CHOICES = 16;
const MAX_STOPS = 16;
const MAX_STOP_CHARS = 1000;
const MAX_BIASES = 1024;
/** As many as anybody can ask for. */
export const MAX_TOKENS = 2 ** 31 - 1;
const MAX_TOP_LOGPROBS = 20;

/** Settings that conversations and completions have in common. */
export const SAMPLING = {
  model: optional(Type.String({ description: "any: the server has one model" })),
  temperature: optional(Type.Number({ minimum: 0, maximum: 10 })),
  top_p: optional(Type.Number({ minimum: 0, maximum: 1 })),
  top_k: optional(Type.Integer({ minimum: 0, maximum: MAX_TOKENS, description: "0 keeps all" })),
  min_p: optional(Type.Number({ minimum: 0, maximum: 1 })),
  repeat_penalty: optional(Type.Number({ exclusiveMinimum: 0, maximum: 10 })),
  repeat_last_n: optional(
    Type.Integer({ minimum: -1, maximum: MAX_TOKENS, description: "tokens; -1 is all" }),
  ),
  frequency_penalty: optional(Type.Number({ minimum: -2, maximum: 2 })),
  presence_penalty: optional(Type.Number({ minimum: -2, maximum: 2 })),
  logit_bias: optional(
    Type.Object(
      {},
      {
        maxProperties: MAX_BIASES,
        propertyNames: { pattern: "^[0-9]{1,7}$" },
        additionalProperties: { type: "number", minimum: -100, maximum: 100 },
        description: "token id: bias; -100 forbids a token",
      },
    ),
  ),
  seed: optional(
    Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }),
  ),
  stop: Type.Optional(
    Type.Unsafe<string | string[] | null>({
      type: ["string", "array", "null"],
      minLength: 1,
      maxLength: MAX_STOP_CHARS,
      maxItems: MAX_STOPS,
      items: { type: "string", minLength: 1, maxLength: MAX_STOP_CHARS },
    } as TSchema),
  ),
  max_tokens: optional(Type.Integer({ minimum: 1, maximum: MAX_TOKENS })),
  n: optional(Type.Integer({ minimum: 1, maximum: MAX_CHOICES })),
  stream: optional(Type.Boolean()),
  stream_options: optional(Type.Object({ include_usage: optional(Type.Boolean()) })),
  user: optional(Type.String()),
};

export const TOP_LOGPROBS = Type.Integer({ minimum: 0, maximum: MAX_TOP_LOGPROBS });

const SamplingFields = Type.Object(SAMPLING);
export type SamplingFields = Static<typeof SamplingFields>;
