import { randomUUID } from "node:crypto";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import type { ServerParts } from "../app.ts";
import { type Ask, Batch } from "../batches/batch.ts";
import { batchLines } from "../batches/line.ts";
import { BatchStore } from "../batches/store.ts";
import { INSIDE_HEADER } from "../client.ts";
import { RequestLife } from "../life.ts";
import { ErrorAnswer } from "../schemas/common.ts";

const MAX_REQUESTS = 10_000;

const BatchRequests = Type.Object({
  requests: Type.Array(Type.Object({}), { minItems: 1, maxItems: MAX_REQUESTS }),
});
const BatchState = Type.Object({
  id: Type.String(),
  object: Type.String({ description: "batch" }),
  created_at: Type.Integer(),
  status: Type.String({ description: "in_progress, completed or cancelled" }),
  request_counts: Type.Object({
    total: Type.Integer(),
    completed: Type.Integer(),
    failed: Type.Integer(),
  }),
});
const Params = Type.Object({ batch: Type.String() });

/** Many requests at once, answered beside others. Each goes through the routes as if it had come by
 *  itself, so that whatever guards those guards it, too. */
export function batchRoutes(app: FastifyInstance, { backend, report }: ServerParts): void {
  const store = new BatchStore();
  app.addHook("preClose", async () => store.cancelAll());
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  const answers = { response: { 200: BatchState, default: ErrorAnswer } };
  const post = {
    summary: "Answer many requests",
    description: "JSON with a list of requests, or JSON lines (application/jsonl).",
    body: BatchRequests,
    ...answers,
  };
  typed.post("/v1/batches", { schema: post, config: { bundle: true } }, async (request) => {
    const { places } = backend.require().service.state();
    const batch = new Batch(request.client, batchLines(request.body.requests));
    store.add(batch);
    batch.run(asker(app, request), Math.ceil(places / 2)).catch((error) => {
      batch.cancel();
      report(error);
    });
    return describe(batch);
  });
  const one = { params: Params, ...answers };
  const get = { summary: "Tell how far a batch is", ...one };
  typed.get("/v1/batches/:batch", { schema: get }, async ({ params, client }) =>
    describe(store.get(params.batch, client)),
  );
  const cancel = { summary: "End a batch", ...one };
  typed.post("/v1/batches/:batch/cancel", { schema: cancel }, async ({ params, client }) => {
    const batch = store.get(params.batch, client);
    batch.cancel();
    return describe(batch);
  });
  const output = { summary: "Fetch the answers so far, as JSON lines", params: Params };
  typed.get("/v1/batches/:batch/output", { schema: output }, async ({ params, client }, reply) => {
    const batch = store.get(params.batch, client);
    void reply.type("application/jsonl; charset=utf-8").serializer((text) => text as string);
    return reply.send(batch.output);
  });
}

/** Puts requests to the routes in the name of whoever sent the batch. */
function asker(app: FastifyInstance, { headers, ip }: FastifyRequest): Ask {
  const { authorization, host } = headers;
  return async ({ url, body }, signal) => {
    using life = new RequestLife(signal);
    const name = randomUUID();
    app.insideSignals.set(name, life.signal);
    const {
      statusCode,
      payload,
      headers: answer,
    } = await app.inject({
      method: "POST",
      url,
      remoteAddress: ip,
      headers: {
        host,
        [INSIDE_HEADER]: name,
        ...(authorization !== undefined && { authorization }),
      },
      payload: body,
    });
    app.insideSignals.delete(name);
    const retryAfter = Number(answer["retry-after"]);
    return {
      status: statusCode,
      body: payload,
      retryAfterS: Number.isFinite(retryAfter) ? retryAfter : undefined,
    };
  };
}

function describe({ id, created, status, counts }: Batch): Static<typeof BatchState> {
  return { id, object: "batch", created_at: created, status, request_counts: counts };
}
