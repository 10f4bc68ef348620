import type { FastifyInstance, FastifyReply } from "fastify";
import { CancelledError } from "../errors.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks, for turns and limits: an address, until a guard knows better. */
    client: string;
  }
}

export function addClients(app: FastifyInstance): void {
  app.decorateRequest("client", "");
  app.addHook("onRequest", async (request) => {
    request.client = request.ip;
  });
}

/** Aborted when the connection is lost before the answer is complete. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort(new CancelledError("the client has left"));
  });
  return controller.signal;
}
