import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "../api-error.ts";
import { isPublic } from "./authentication.ts";
import { networkOf } from "./client-ids.ts";
import type { RateLimit } from "./rates.ts";
import { SlidingWindows } from "./sliding-windows.ts";

/** How often a client may ask for work, which is what POST is for. */
export interface RateLimits {
  /** Of a key; where there are no keys, of an address. */
  readonly perClient?: RateLimit | undefined;
  /** Of an address, whatever keys come from there; attempts without a valid key count, too. */
  readonly perAddress?: RateLimit | undefined;
  readonly now?: (() => number) | undefined;
}

/** Stands before the authentication, so that keys cannot be tried out any faster than this. Gives what
 *  is to be told of every attempt without a valid key. */
export function addAddressLimit(
  app: FastifyInstance,
  { perAddress, now }: RateLimits,
): (request: FastifyRequest) => void {
  if (!perAddress) return () => undefined;
  const windows = new SlidingWindows(perAddress, now);
  app.addHook("onRequest", async (request) => {
    if (isPublic(request)) return;
    const address = networkOf(request.ip);
    refuse(isWork(request) ? windows.take(address) : windows.waitMs(address), "address");
  });
  return (request) => {
    if (!isWork(request)) windows.take(networkOf(request.ip));
  };
}

/** Stands behind the authentication. */
export function addClientLimit(app: FastifyInstance, { perClient, now }: RateLimits): void {
  if (!perClient) return;
  const windows = new SlidingWindows(perClient, now);
  app.addHook("onRequest", async (request) => {
    if (isPublic(request) || !isWork(request)) return;
    refuse(windows.take(request.client), request.record?.keyName ? "key" : "address");
  });
}

function isWork(request: FastifyRequest): boolean {
  return request.method === "POST";
}

function refuse(waitMs: number, whose: string): void {
  if (waitMs === 0) return;
  const retryAfterS = Math.ceil(waitMs / 1000);
  const when = `the next one is possible in ${retryAfterS} s`;
  throw new ApiError("RATE_LIMIT_EXCEEDED", `too many requests of this ${whose}; ${when}`, {
    retryAfterS,
  });
}
