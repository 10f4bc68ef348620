import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiError, ErrorKind } from "../api-error.ts";
import { isInside } from "../client.ts";
import type { RequestEnd as ServedEnd, ServiceWatcher } from "../watcher.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What is known of this request so far; undefined for one that no route could be looked up for. */
    record: RequestRecord | undefined;
  }
}

/** What becomes of a request, for those who keep accounts. As a watcher of the service it counts the
 *  tokens of this request alone. */
export class RequestRecord implements ServiceWatcher {
  /** Name of the API key. */
  keyName: string | undefined;
  /** Why it was refused, or failed. */
  errorKind: ErrorKind | undefined;
  promptTokens = 0;
  cachedTokens = 0;
  generatedTokens = 0;

  firstToken(_ms: number, promptTokens: number, cachedTokens: number): void {
    this.promptTokens += promptTokens;
    this.cachedTokens += cachedTokens;
    this.generatedTokens += 1;
  }

  tokens(count: number): void {
    this.generatedTokens += count;
  }

  finished({ promptTokens }: ServedEnd): void {
    if (this.promptTokens === 0) this.promptTokens = promptTokens; // nothing was generated
  }
}

/** The end of a request. */
export interface RequestEnd {
  /** Pattern of the route, never the address that was asked for; undefined where there is none. */
  readonly route: string | undefined;
  readonly status: number;
  readonly ms: number;
  /** The client left before the answer was complete. */
  readonly aborted: boolean;
}

export type OnRequestEnd = (
  request: FastifyRequest,
  record: Readonly<RequestRecord>,
  end: RequestEnd,
) => void;

/** Field of an answer that names its request, as OpenAI's do: the audit log has the same name. */
export const REQUEST_ID = "x-request-id";

/** Gives every request its record. The listeners hear of its end once, however it ends. */
export function addRecords(app: FastifyInstance, listeners: readonly OnRequestEnd[]): void {
  app.decorateRequest("record", undefined);
  app.addHook("onRequest", async (request, reply) => {
    const startedAt = performance.now();
    const record = new RequestRecord();
    request.record = record;
    void reply.header(REQUEST_ID, request.id);
    const inside = isInside(request);
    reply.raw.once("close", () => {
      const ms = performance.now() - startedAt;
      const end = endOf(request, reply, { ms, aborted: !inside && !reply.raw.writableFinished });
      for (const listener of listeners) listener(request, record, end);
    });
  });
}

/** Notes what the client is told. */
export function noteError({ record }: FastifyRequest, { kind }: ApiError): void {
  if (record) record.errorKind = kind;
}

function endOf(
  request: FastifyRequest,
  { raw }: FastifyReply,
  how: Pick<RequestEnd, "ms" | "aborted">,
): RequestEnd {
  const route = request.is404 ? undefined : request.routeOptions.url;
  return { route, status: raw.statusCode, ...how };
}
