import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { embedTexts } from "../../scoring/embedding.ts";
import { encodePrompt } from "../../tokenizer/tokenizer.ts";
import { ApiError } from "../api-error.ts";
import type { ServerParts } from "../app.ts";
import type { Serving } from "../backend.ts";
import { askerOf } from "../client.ts";
import { textsOf } from "../openai/text-input.ts";
import { ErrorAnswer } from "../schemas/common.ts";
import { EmbeddingAnswer, EmbeddingRequest } from "../schemas/embedding.ts";
import type { Asker } from "../service.ts";

/** Vectors of texts, of length 1, with the model's own pooling. */
export function embeddingRoutes(app: FastifyInstance, { backend }: ServerParts): void {
  const schema = {
    summary: "Turn texts into vectors",
    body: EmbeddingRequest,
    response: { 200: EmbeddingAnswer, default: ErrorAnswer },
  };
  app
    .withTypeProvider<TypeBoxTypeProvider>()
    .post("/v1/embeddings", { schema }, async (request, reply) => {
      const { body } = request;
      const serving = backend.require();
      checkDimensions(body, serving);
      const { vectors, tokens } = await embed(serving, body, askerOf(request, reply));
      const isBase64 = body.encoding_format === "base64";
      return {
        object: "list" as const,
        model: serving.id,
        data: vectors.map((vector, index) => ({
          object: "embedding" as const,
          index,
          embedding: isBase64 ? toBase64(vector) : Array.from(vector),
        })),
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      };
    });
}

/** All texts of a request are one piece of work: the engine takes several at once by itself. */
async function embed(
  { model, service, contextLength }: Serving,
  { input, dimensions }: EmbeddingRequest,
  asker: Asker,
): Promise<{ readonly vectors: Float32Array[]; readonly tokens: number }> {
  const texts = textsOf(input, "input").map((one) =>
    typeof one === "string"
      ? encodePrompt(model.tokenizer, one, { special: false })
      : Int32Array.from(one),
  );
  const vectors = await service.hold(asker, texts, async (signal) => {
    const all: Float32Array[] = [];
    const options = { dimensions: dimensions ?? undefined, contextLength, signal };
    for await (const { vector } of embedTexts(model, texts, options)) all.push(vector);
    return all;
  });
  return { vectors, tokens: texts.reduce((sum, { length }) => sum + length, 0) };
}

function checkDimensions({ dimensions }: EmbeddingRequest, { model }: Serving): void {
  const { dModel } = model.hparams;
  if ((dimensions ?? dModel) <= dModel) return;
  throw new ApiError("INVALID_INPUT", `dimensions: the model has ${dModel}`, {
    param: "dimensions",
  });
}

/** Little-endian floats. */
function toBase64({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}
