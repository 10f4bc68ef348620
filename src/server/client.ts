import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { CancelledError } from "../errors.ts";
import { networkOf } from "./guards/client-ids.ts";
import type { Asker } from "./service.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks, for turns and limits: a key, or where there are none an address. */
    client: string;
  }
}

export function addClients(app: FastifyInstance): void {
  app.decorateRequest("client", "");
  app.addHook("onRequest", async (request) => {
    request.client = networkOf(request.ip);
  });
}

/** What the service is to know of a request's client. */
export function askerOf(request: FastifyRequest, reply: FastifyReply): Asker {
  return { client: request.client, signal: clientSignal(reply), watcher: request.record };
}

/** Aborted when the connection is lost before the answer is complete. */
function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort(new CancelledError("the client has left"));
  });
  return controller.signal;
}
