import type { Socket } from "node:net";
import type { FastifyReply, FastifyServerOptions } from "fastify";
import { ApiError } from "./api-error.ts";
import { noteError } from "./guards/record.ts";
import { toApiError } from "./openai/errors.ts";

/** Answers with what went wrong; faults of the server are reported, too. */
export function sendError(
  reply: FastifyReply,
  thrown: unknown,
  report: (error: unknown) => void,
): FastifyReply {
  const error = toApiError(thrown);
  if (error.isFault) report(thrown);
  noteError(reply.request, error);
  if (error.retryAfterS !== undefined) void reply.header("retry-after", error.retryAfterS);
  keepConnection(reply);
  return reply.code(error.status).send(error.body());
}

/** The framework closes the connection after a body that it does not take, though the client may still
 *  be sending: it would get to see that, and not the answer. What else comes is thrown away. */
function keepConnection(reply: FastifyReply): void {
  const isClosing = reply.raw.hasHeader("connection");
  if (!isClosing && reply.hasHeader("connection")) void reply.removeHeader("connection");
}

/** Node's words for requests that are not even HTTP, too large in the head, or too slow. */
const BROKEN: Readonly<Record<string, { readonly status: string; readonly message: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: "408 Request Timeout",
    message: "the request took too long to come in",
  },
  HPE_HEADER_OVERFLOW: {
    status: "431 Request Header Fields Too Large",
    message: "the header fields are too large",
  },
};
const BAD_REQUEST = { status: "400 Bad Request", message: "this is no HTTP request" };

/** Answers on a connection on which no request could be read. */
export const answerBrokenRequest: NonNullable<FastifyServerOptions["clientErrorHandler"]> = (
  error,
  socket: Socket,
) => {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, message } = BROKEN[error.code] ?? BAD_REQUEST;
  const code = status.slice(4).toLowerCase().replaceAll(" ", "_");
  const body = JSON.stringify(new ApiError("INVALID_INPUT", message, { code }).body());
  const head = [
    `HTTP/1.1 ${status}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroySoon());
};
