import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import type { ApiError } from "./api-error.ts";
import { noteError } from "./guards/record.ts";
import { toApiError } from "./openai/errors.ts";

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no", // nginx would gather the events
} as const;

/** The end of a stream, as OpenAI marks it. */
const DONE = "[DONE]";

/** An answer that is sent piece by piece as server-sent events. Nothing is sent before `open`, so that
 *  what fails until then can still be answered with a status of its own. */
export class EventStream {
  readonly #reply: FastifyReply;
  #opened = false;
  /** Whoever sends waits for the same: answers of several choices share a connection. */
  #drained: Promise<void> | undefined;

  constructor(reply: FastifyReply) {
    this.#reply = reply;
  }

  get opened(): boolean {
    return this.#opened;
  }

  open(): void {
    if (this.#opened) return;
    this.#opened = true;
    const headers = this.#reply.getHeaders() as Record<string, string>;
    this.#reply.hijack();
    this.#reply.raw.writeHead(200, { ...headers, ...HEADERS });
    this.#reply.raw.flushHeaders();
  }

  /** Resolves when the client has taken in what was sent before, or has left. */
  async send(event: unknown): Promise<void> {
    const { raw } = this.#reply;
    if (raw.destroyed || raw.write(`data: ${JSON.stringify(event)}\n\n`)) return;
    this.#drained ??= drained(raw).finally(() => {
      this.#drained = undefined;
    });
    await this.#drained;
  }

  end(): void {
    this.#reply.raw.end(`data: ${DONE}\n\n`);
  }

  /** Ends it without the mark of a complete answer. */
  fail(error: ApiError): void {
    this.#reply.raw.end(`data: ${JSON.stringify(error.body())}\n\n`);
  }
}

/** Resolves when there is room for more, or nobody to read it. */
async function drained(raw: ServerResponse): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  try {
    await Promise.race([once(raw, "drain", { signal }), once(raw, "close", { signal })]);
  } catch {
    // A connection that fails has nobody at its end, either.
  } finally {
    stop.abort();
  }
}

/** Answers with the events that `write` sends. What fails once the stream is open is its last event;
 *  until then it is thrown.
 *    report  is told of faults that the client gets to see as an event */
export async function sendEvents(
  reply: FastifyReply,
  report: (error: unknown) => void,
  write: (events: EventStream) => Promise<void>,
): Promise<FastifyReply> {
  const events = new EventStream(reply);
  try {
    await write(events);
    events.open();
    events.end();
  } catch (thrown) {
    if (!events.opened) throw thrown;
    const error = toApiError(thrown);
    noteError(reply.request, error);
    if (error.isFault) report(thrown);
    events.fail(error);
  }
  return reply;
}
