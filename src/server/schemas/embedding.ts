import { type Static, type TSchema, Type } from "typebox";
import { optional, optionalWord } from "./common.ts";
import { textInput } from "./completion.ts";

const MAX_TEXTS = 2048; // as in the OpenAI API: clients cut their lists by it

export const EmbeddingRequest = Type.Object({
  input: textInput(MAX_TEXTS),
  model: optional(Type.String({ description: "any: the server has one model" })),
  encoding_format: optionalWord(["float", "base64"]),
  dimensions: optional(
    Type.Integer({ minimum: 1, description: "first numbers to keep of each vector" }),
  ),
  user: optional(Type.String()),
});
export type EmbeddingRequest = Static<typeof EmbeddingRequest>;

export const EmbeddingAnswer = Type.Object({
  object: Type.Literal("list"),
  model: Type.String(),
  data: Type.Array(
    Type.Object({
      object: Type.Literal("embedding"),
      index: Type.Integer(),
      embedding: Type.Unsafe<number[] | string>({
        type: ["array", "string"],
        items: { type: "number" },
        description: "numbers, or little-endian floats in base64",
      } as TSchema),
    }),
  ),
  usage: Type.Object({ prompt_tokens: Type.Integer(), total_tokens: Type.Integer() }),
});
