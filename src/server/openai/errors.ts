import type { FastifyError } from "fastify";
import {
  BitnetError,
  CancelledError,
  ResourceError,
  UnsupportedError,
  UsageError,
} from "../../errors.ts";
import { ApiError } from "../api-error.ts";

/** What the client is told of any failure: those that a request causes by what is wrong with it, all
 *  others without their particulars. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof BitnetError) return fromBitnet(error);
  if (error instanceof Error && "statusCode" in error) return fromFastify(error as FastifyError);
  return new ApiError("GENERATION_ERROR", "something went wrong in the server", { cause: error });
}

function fromBitnet(error: BitnetError): ApiError {
  const { message, hint } = error;
  if (error instanceof CancelledError) {
    return new ApiError("UNAVAILABLE", "the server is stopping", { cause: error });
  }
  if (error instanceof ResourceError && message.startsWith("context is full")) {
    return new ApiError("INVALID_INPUT", message, {
      code: "context_length_exceeded",
      cause: error,
    });
  }
  if (error instanceof UsageError) {
    // `messages[0].role: unknown role`
    const [, param] = /^([\w[\].]+): /.exec(message) ?? [];
    return new ApiError("INVALID_INPUT", message, { param, cause: error });
  }
  if (error instanceof UnsupportedError) {
    return new ApiError("INVALID_INPUT", message, { code: "unsupported", cause: error });
  }
  const text = hint === undefined ? message : `${message}; ${hint}`;
  return new ApiError("GENERATION_ERROR", text, { cause: error });
}

const SERVER_ERROR = 500;
const NOT_FOUND = 404;

/** The framework's: a body that does not fit the schema, is too large, is no JSON. */
function fromFastify(error: FastifyError): ApiError {
  const { statusCode = SERVER_ERROR, message, validation } = error;
  if (statusCode >= SERVER_ERROR) {
    return new ApiError("GENERATION_ERROR", "something went wrong in the server", { cause: error });
  }
  const [first] = validation ?? [];
  if (first) {
    const missing = (first.params as { missingProperty?: string }).missingProperty;
    const param = pathOf(first.instancePath, missing);
    return new ApiError("INVALID_INPUT", message, { param, cause: error });
  }
  const kind = statusCode === NOT_FOUND ? "NOT_FOUND" : "INVALID_INPUT";
  return new ApiError(kind, message, { status: statusCode, cause: error });
}

/** `/messages/0` and `role` > `messages[0].role`; undefined for the body itself. */
function pathOf(pointer: string, missing: string | undefined): string | undefined {
  const names = [...pointer.split("/").slice(1), ...(missing === undefined ? [] : [missing])];
  const path = names.map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${name}`)).join("");
  return path.replace(/^\./, "") || undefined;
}
