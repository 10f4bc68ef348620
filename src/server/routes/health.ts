import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { encodePrompt } from "../../tokenizer/tokenizer.ts";
import type { ServerParts } from "../app.ts";
import type { Serving } from "../backend.ts";
import { askerOf } from "../client.ts";
import { ErrorAnswer, optionalWord } from "../schemas/common.ts";
import type { Asker } from "../service.ts";

const HealthAnswer = Type.Object({
  status: Type.String({ description: "ready, loading or draining; live" }),
  model: Type.Optional(Type.String()),
  active: Type.Optional(Type.Integer()),
  queued: Type.Optional(Type.Integer()),
  generated_tokens: Type.Optional(Type.Integer()),
  latency_ms: Type.Optional(
    Type.Number({ description: "of a short generation, waiting for its turn included" }),
  ),
});

const NOT_READY = 503;
const PROBE_TEXT = "Hello";
const PROBE_TOKENS = 4;

/** `/health` tells whether requests are answered, `/health/live` whether the process is. */
export function healthRoutes(app: FastifyInstance, { backend }: ServerParts): void {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  const schema = {
    summary: "Tell whether requests are answered",
    querystring: Type.Object({
      deep: optionalWord(["0", "1"], "1: also generate a few tokens, and tell how long that took"),
    }),
    response: { 200: HealthAnswer, 503: HealthAnswer, default: ErrorAnswer },
  };
  // To generate is for those who have a key, and counts as that.
  const isPublic = ({ query }: { query: unknown }) => !("deep" in (query as object));
  const config = { public: isPublic, work: true } as const;
  typed.get("/health", { schema, config }, async (request, reply) => {
    const { query } = request;
    const { phase, serving } = backend;
    if (phase !== "ready" || !serving) return reply.code(NOT_READY).send({ status: phase });
    const { active, queued } = serving.service.state();
    const health = { status: phase, model: serving.id, active, queued };
    if (query.deep !== "1") return health;
    return { ...health, ...(await probe(serving, askerOf(request, reply))) };
  });
  const live = {
    summary: "Tell that the process is alive",
    response: { 200: HealthAnswer },
  };
  typed.get("/health/live", { schema: live, config: { public: true } }, async () => ({
    status: "live",
  }));
}

/** Generates, as a request of this client. */
async function probe({ model, service }: Serving, asker: Asker) {
  const startedAt = performance.now();
  const { generatedTokens } = await service.generate(
    {
      prompt: encodePrompt(model.tokenizer, PROBE_TEXT, { special: false }),
      options: { maxTokens: PROBE_TOKENS, sampling: { temperature: 0 } },
      ...asker,
    },
    () => undefined,
  );
  return { generated_tokens: generatedTokens, latency_ms: performance.now() - startedAt };
}
