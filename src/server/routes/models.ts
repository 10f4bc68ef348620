import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { ApiError } from "../api-error.ts";
import type { ServerParts } from "../app.ts";
import type { Serving } from "../backend.ts";
import { ErrorAnswer } from "../schemas/common.ts";

const ModelAnswer = Type.Object({
  id: Type.String(),
  object: Type.Literal("model"),
  created: Type.Integer(),
  owned_by: Type.String(),
  context_length: Type.Integer({ description: "tokens of a prompt and its answer together" }),
});
const ModelList = Type.Object({ object: Type.Literal("list"), data: Type.Array(ModelAnswer) });

/** The one model, as a list and by its name. */
export function modelRoutes(app: FastifyInstance, { backend }: ServerParts): void {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  const list = { summary: "List the model", response: { 200: ModelList, default: ErrorAnswer } };
  typed.get("/v1/models", { schema: list }, async () => {
    return { object: "list" as const, data: [describe(backend.require())] };
  });
  const one = {
    summary: "Describe the model",
    params: Type.Object({ model: Type.String() }),
    response: { 200: ModelAnswer, default: ErrorAnswer },
  };
  typed.get("/v1/models/:model", { schema: one }, async ({ params }) => {
    const serving = backend.require();
    if (params.model === serving.id) return describe(serving);
    throw new ApiError("NOT_FOUND", `there is no model of that name: it is ${serving.id}`, {
      code: "model_not_found",
      param: "model",
    });
  });
}

function describe({ id, created, contextLength }: Serving) {
  return {
    id,
    object: "model" as const,
    created,
    owned_by: "bitnet",
    context_length: contextLength,
  };
}
