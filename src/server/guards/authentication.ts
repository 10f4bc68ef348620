import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "../api-error.ts";
import type { ApiKeys } from "./api-keys.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Open to everyone, or in some cases: no API key is asked for and no limit of requests applies. */
    readonly public?: true | ((request: FastifyRequest) => boolean);
  }
}

/** Whether a request is open to everyone. */
export function isPublic(request: FastifyRequest): boolean {
  const open = request.routeOptions.config.public ?? false;
  return typeof open === "function" ? open(request) : open;
}

const BEARER = /^bearer +([\x21-\x7e]+) *$/i;

/** Asks every request for an API key, but those of public routes.
 *    onGuess  called for each request that has none, or none that is valid */
export function addAuthentication(
  app: FastifyInstance,
  keys: ApiKeys,
  onGuess: (request: FastifyRequest) => void,
): void {
  app.addHook("onRequest", async (request, reply) => {
    if (isPublic(request)) return;
    const name = keys.nameOf(presentedKey(request) ?? "");
    if (name === undefined) {
      onGuess(request);
      void reply.header("www-authenticate", "Bearer");
      throw new ApiError("UNAUTHORIZED", "no valid API key was given", {
        code: "invalid_api_key",
      });
    }
    if (request.record) request.record.keyName = name;
    request.client = `key:${name}`;
  });
}

/** Undefined where there is none, or more than one: then it is not said which one counts. */
function presentedKey({ raw, headers }: FastifyRequest): string | undefined {
  const names = raw.rawHeaders.filter((_, i) => i % 2 === 0);
  const count = names.filter((name) => name.toLowerCase() === "authorization").length;
  return count > 1 ? undefined : BEARER.exec(headers.authorization ?? "")?.[1];
}
