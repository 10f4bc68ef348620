import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type TSchema, Type } from "typebox";
import { encodePrompt } from "../../tokenizer/tokenizer.ts";
import type { ServerParts } from "../app.ts";
import { ErrorAnswer, optional } from "../schemas/common.ts";

const MAX_IDS = 1_000_000;

const TokenizeRequest = Type.Object({
  content: Type.String(),
  add_special: optional(Type.Boolean({ description: "begin with BOS where the model wants it" })),
  parse_special: optional(
    Type.Boolean({ description: "texts of special tokens become those tokens; true by default" }),
  ),
  with_pieces: optional(Type.Boolean({ description: "ids with their texts" })),
});
const TokenizeAnswer = Type.Object({
  tokens: Type.Unsafe<readonly (number | { id: number; piece: string })[]>({
    type: "array",
    items: { type: ["integer", "object"] },
  } as TSchema),
});
const DetokenizeRequest = Type.Object({
  tokens: Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), { maxItems: MAX_IDS }),
});
const DetokenizeAnswer = Type.Object({ content: Type.String() });

/** Text to token ids and back, with the fields that llama.cpp's server has. */
export function tokenRoutes(app: FastifyInstance, { backend }: ServerParts): void {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  const tokenize = {
    summary: "Turn a text into token ids",
    body: TokenizeRequest,
    response: { 200: TokenizeAnswer, default: ErrorAnswer },
  };
  typed.post("/tokenize", { schema: tokenize }, async ({ body }) => {
    const { tokenizer } = backend.require().model;
    const special = body.parse_special ?? true;
    const ids = body.add_special
      ? encodePrompt(tokenizer, body.content, { special })
      : tokenizer.encode(body.content, { special });
    if (!body.with_pieces) return { tokens: Array.from(ids) };
    const piece = (id: number) => tokenizer.decode([id], { special: true, continues: true });
    return { tokens: Array.from(ids, (id) => ({ id, piece: piece(id) })) };
  });
  const detokenize = {
    summary: "Turn token ids into text",
    body: DetokenizeRequest,
    response: { 200: DetokenizeAnswer, default: ErrorAnswer },
  };
  typed.post("/detokenize", { schema: detokenize }, async ({ body }) => {
    const { tokenizer } = backend.require().model;
    return { content: tokenizer.decode(body.tokens, { special: true }) };
  });
}
