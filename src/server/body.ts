import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "./api-error.ts";

/** Arrays and objects within one another: far more than any request needs. */
const MAX_DEPTH = 64;

const JSON_LINES = ["application/jsonl", "application/x-ndjson"];

/** Reads bodies as JSON of UTF-8 text, whatever type they are sent as: `curl -d` names another. */
export function addBodyParser(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser("error", "error");
  const parse = (
    request: FastifyRequest,
    bytes: Buffer,
    done: (error: Error | null, body?: unknown) => void,
  ) => {
    try {
      const text = decode(bytes);
      checkDepth(text);
      // It answers through its callback alone.
      void parseJson(request, text, (error, body) => done(error && notJson(error), body));
    } catch (error) {
      done(error as Error);
    }
  };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, parse);
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "buffer" }, parse);
  app.addContentTypeParser(JSON_LINES, { parseAs: "buffer" }, (request, bytes: Buffer, done) => {
    // A list of all lines is one text of JSON.
    const list = Buffer.concat([Buffer.from('{"requests":['), joinLines(bytes), Buffer.from("]}")]);
    parse(request, list, done);
  });
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
