import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { embedTexts } from "../../scoring/embedding.ts";
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
function embed(
  { model, service }: Serving,
  { input, dimensions }: EmbeddingRequest,
  asker: Asker,
): Promise<{ readonly vectors: Float32Array[]; readonly tokens: number }> {
  const texts = textsOf(input, "input").map((one) =>
    typeof one === "string" ? one : Int32Array.from(one),
  );
  return service.hold(asker, async (signal) => {
    const vectors: Float32Array[] = [];
    let tokens = 0;
    const options = { dimensions: dimensions ?? undefined, signal };
    for await (const embedding of embedTexts(model, texts, options)) {
      vectors.push(embedding.vector);
      tokens += embedding.tokens;
    }
    return { result: { vectors, tokens }, promptTokens: tokens };
  });
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
