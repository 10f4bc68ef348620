import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "../api-error.ts";
import { isPublic } from "./authentication.ts";
import { networkOf } from "./client-ids.ts";
import type { RateLimit } from "./rates.ts";
import { SlidingWindows } from "./sliding-windows.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** It generates, though it is no POST. */
    readonly work?: true;
    /** It tells how the server is: so often per minute and address, however much work is asked for. */
    readonly perMinute?: number;
  }
}

/** How often a client may ask for work, which is what POST is for. */
export interface RateLimits {
  /** Of a key; where there are no keys, of an address. */
  readonly perClient?: RateLimit | undefined;
  /** Of an address, whatever keys come from there; attempts without a valid key count, too. */
  readonly perAddress?: RateLimit | undefined;
  readonly now?: (() => number) | undefined;
}

const MINUTE_MS = 60_000;

/** Stands before the authentication, so that keys cannot be tried out any faster than this. Gives what
 *  is to be told of every attempt without a valid key. */
export function addAddressLimit(
  app: FastifyInstance,
  { perAddress, now }: RateLimits,
): (request: FastifyRequest) => void {
  if (!perAddress) return () => undefined;
  const all = new SlidingWindows(perAddress, now);
  const guesses = new SlidingWindows(perAddress, now);
  app.addHook("onRequest", async (request) => {
    if (isPublic(request)) return;
    const address = networkOf(request.ip);
    // Work does not keep anybody from looking at the server, keys that are tried out do.
    if (isMonitoring(request)) refuse(guesses.waitMs(address), "address");
    else refuse(isWork(request) ? all.take(address) : all.waitMs(address), "address");
  });
  return (request) => {
    const address = networkOf(request.ip);
    guesses.take(address);
    if (!isWork(request)) all.take(address);
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

/** Keeps those who look at the server from being what it is busy with. */
export function addMonitoringLimit(app: FastifyInstance, { now }: RateLimits): void {
  const windows = new Map<string, SlidingWindows>();
  app.addHook("onRequest", async ({ ip, routeOptions: { url = "", config } }) => {
    if (config.perMinute === undefined) return;
    const limit = { count: config.perMinute, windowMs: MINUTE_MS };
    const own = windows.get(url) ?? new SlidingWindows(limit, now);
    windows.set(url, own);
    refuse(own.take(networkOf(ip)), "address");
  });
}

function isWork({ method, routeOptions }: FastifyRequest): boolean {
  return method === "POST" || routeOptions.config.work === true;
}

function isMonitoring({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.perMinute !== undefined;
}

function refuse(waitMs: number, whose: string): void {
  if (waitMs === 0) return;
  const retryAfterS = Math.ceil(waitMs / 1000);
  const when = `the next one is possible in ${retryAfterS} s`;
  throw new ApiError("RATE_LIMIT_EXCEEDED", `too many requests of this ${whose}; ${when}`, {
    retryAfterS,
  });
}
