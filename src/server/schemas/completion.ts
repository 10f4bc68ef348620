import { type Static, type TSchema, Type } from "typebox";
import { optional, Usage } from "./common.ts";
import { FORMAT } from "./response-format.ts";
import { MAX_TOKENS, SAMPLING } from "./sampling.ts";

const MAX_PROMPTS = 64;
const MAX_LOGPROBS = 5; // as in the OpenAI API

const TOKEN_ID = { type: "integer", minimum: 0, maximum: 2 ** 31 - 1 };

/** A text, token ids, or several of either. */
export function textInput(most: number) {
  return Type.Unsafe<string | readonly (string | number | readonly number[])[]>({
    type: ["string", "array"],
    minItems: 1,
    if: { type: "array", items: { type: "integer" } },
    // biome-ignore lint/suspicious/noThenProperty: a word of JSON schema
    then: { items: TOKEN_ID },
    else: {
      maxItems: most,
      items: { type: ["string", "integer", "array"], items: TOKEN_ID, minItems: 1 },
    },
    description: `a text, token ids, or up to ${most} of either`,
  } as TSchema);
}
export type TextInput = Static<ReturnType<typeof textInput>>;

export const CompletionRequest = Type.Object({
  prompt: textInput(MAX_PROMPTS),
  ...SAMPLING,
  ...FORMAT,
  max_tokens: optional(
    Type.Integer({ minimum: 0, maximum: MAX_TOKENS, description: "0 generates nothing" }),
  ),
  logprobs: optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_LOGPROBS,
      description: "alternatives per token, with the probabilities; with echo, of the prompt, too",
    }),
  ),
  echo: optional(Type.Boolean({ description: "the text begins with the prompt" })),
  suffix: optional(Type.String({ description: "not supported" })),
  best_of: optional(Type.Integer({ description: "the same as n, or absent" })),
});
export type CompletionRequest = Static<typeof CompletionRequest>;

export const CompletionAnswer = Type.Object({
  id: Type.String(),
  object: Type.String({ description: "text_completion" }),
  created: Type.Integer(),
  model: Type.String(),
  choices: Type.Array(
    Type.Object({
      index: Type.Integer(),
      text: Type.String(),
      logprobs: Type.Unknown(),
      finish_reason: Type.String({ description: "stop or length" }),
    }),
  ),
  usage: Usage,
});
export type CompletionAnswer = Static<typeof CompletionAnswer>;
