import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "../api-error.ts";
import { isPublic } from "./authentication.ts";
import { networkOf } from "./client-ids.ts";
import { type RateLimit, SlidingWindows } from "./sliding-windows.ts";

const UNITS_MS = { s: 1000, min: 60_000, h: 3_600_000 } as const;
const RATE = /^([1-9]\d{0,5})\/(s|min|h)$/;

/** `60/min`, `10/s`, `1000/h`; undefined where the text is no such rate. */
export function parseRate(text: string): RateLimit | undefined {
  const [, count, unit] = RATE.exec(text) ?? [];
  if (count === undefined) return undefined;
  return { count: Number(count), windowMs: UNITS_MS[unit as keyof typeof UNITS_MS] };
}

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
