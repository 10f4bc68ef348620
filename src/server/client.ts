import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { CancelledError } from "../errors.ts";
import { networkOf } from "./guards/client-ids.ts";
import type { Asker } from "./service.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks, for turns and limits: a key, or where there are none an address. */
    client: string;
  }
  interface FastifyInstance {
    /** Signals of requests that the server puts to itself, by names that nobody can guess. */
    insideSignals: Map<unknown, AbortSignal>;
  }
}

/** Header with such a name. */
export const INSIDE_HEADER = "x-bitnet-inside";

export function addClients(app: FastifyInstance): void {
  app.decorate("insideSignals", new Map());
  app.decorateRequest("client", "");
  app.addHook("onRequest", async (request) => {
    request.client = networkOf(request.ip);
  });
}

/** Whether the server puts a request to itself: it is the client, and does not leave. */
export function isInside({ server, headers }: FastifyRequest): boolean {
  return server.insideSignals.has(headers[INSIDE_HEADER]);
}

/** What the service is to know of a request's client. */
export function askerOf(request: FastifyRequest, reply: FastifyReply): Asker {
  return { client: request.client, signal: clientSignal(request, reply), watcher: request.record };
}

/** Aborted when the connection is lost before the answer is complete. */
function clientSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const leave = () => controller.abort(new CancelledError("the client has left"));
  const inside = request.server.insideSignals.get(request.headers[INSIDE_HEADER]);
  inside?.addEventListener("abort", leave, { once: true });
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) leave();
  });
  return controller.signal;
}
