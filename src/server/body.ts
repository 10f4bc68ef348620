import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "./api-error.ts";

/** Arrays and objects within one another: far more than any request needs. */
const MAX_DEPTH = 64;

const JSON_LINES = ["application/jsonl", "application/x-ndjson"];

type Headers = FastifyRequest["headers"];

const KNOWN_TYPE = /^application\/(json|x-www-form-urlencoded|jsonl|x-ndjson)\s*(;|$)/i;

/** Reads bodies as JSON of UTF-8 text, also those without a type, and those of `curl -d`, which names
 *  another. */
export function addBodyParser(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser("error", "error");
  const parse = (
    request: FastifyRequest,
    bytes: Buffer,
    done: (error: Error | null, body?: unknown) => void,
  ) => {
    try {
      checkForm(request.headers);
      const text = decode(bytes);
      checkDepth(text);
      // It answers through its callback alone.
      void parseJson(request, text, (error, body) => done(error && notJson(error), body));
    } catch (error) {
      done(error as Error);
    }
  };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, parse);
  app.addContentTypeParser(JSON_LINES, { parseAs: "buffer" }, (request, bytes: Buffer, done) => {
    // A list of all lines is one text of JSON.
    const list = Buffer.concat([Buffer.from('{"requests":['), joinLines(bytes), Buffer.from("]}")]);
    parse(request, list, done);
  });
}

/** @throws {ApiError} a body that is no plain text of JSON by its own word */
function checkForm({ "content-type": type, "content-encoding": encoding }: Headers): void {
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw unsupported(`a body in the content-encoding ${encoding} is not understood`);
  }
  if (type === undefined || KNOWN_TYPE.test(type)) return;
  throw unsupported(`a body of the type ${type} is not understood: send application/json`);
}

function unsupported(message: string): ApiError {
  return new ApiError("INVALID_INPUT", message, { status: 415, code: "unsupported_media_type" });
}

function joinLines(bytes: Buffer): Buffer {
  const lines = bytes.toString("latin1").split("\n");
  return Buffer.from(lines.filter((line) => line.trim() !== "").join(","), "latin1");
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ApiError("INVALID_INPUT", "the body is not UTF-8 text", {
      code: "invalid_encoding",
      cause,
    });
  }
}

function notJson(cause: Error): ApiError {
  return new ApiError("INVALID_INPUT", "the body is not valid JSON", {
    code: "invalid_json",
    cause,
  });
}

/** Counts brackets outside of strings. Whatever walks through a body later may do so recursively. */
function checkDepth(text: string): void {
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === "[" || token === "{") depth += 1;
    else if (token === "]" || token === "}") depth -= 1;
    if (depth > MAX_DEPTH) {
      throw new ApiError("INVALID_INPUT", `the body nests more than ${MAX_DEPTH} levels`, {
        code: "too_deep",
      });
    }
  }
}
