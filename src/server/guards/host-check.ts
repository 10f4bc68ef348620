import { isIP } from "node:net";
import type { FastifyInstance } from "fastify";
import { ApiError } from "../api-error.ts";

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/i;

/** Whether only this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** For a server that only this machine can reach and that asks for no key: a page from elsewhere could
 *  give its own name this machine's address and then ask the server for anything (DNS rebinding). The
 *  Host field tells: it must be an address, `localhost`, or one of `names`. */
export function addHostCheck(app: FastifyInstance, names: readonly string[]): void {
  const allowed = new Set(["localhost", ...names.map((name) => name.toLowerCase())]);
  app.addHook("onRequest", async (request) => {
    const name = hostName(request.headers.host ?? "");
    if (isIP(name) > 0 || allowed.has(name) || name.endsWith(".localhost")) return;
    throw new ApiError("FORBIDDEN", "this server does not go by that name", {
      code: "unknown_host",
    });
  });
}

/** `Example.org:8080` > `example.org`, `[::1]:8080` > `::1`. */
function hostName(host: string): string {
  const [, bracketed, plain = ""] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
  return (bracketed ?? plain).toLowerCase();
}
