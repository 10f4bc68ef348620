import { type BatchRequest, parseRequest, type RequestId } from "../../batch/request.ts";
import { ApiError } from "../api-error.ts";

/** One request of a batch, as it is put to the routes. */
export interface BatchLine {
  readonly id: RequestId;
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const CHAT = "/v1/chat/completions";
const COMPLETIONS = "/v1/completions";
const URLS: readonly unknown[] = [CHAT, COMPLETIONS, "/v1/embeddings"];

/** Requests in OpenAI's form (`custom_id`, `url`, `body`) or in that of `bitnet run --batch`.
 *  @throws {ApiError} what is neither, an id that occurs twice; names the request */
export function batchLines(requests: readonly object[]): readonly BatchLine[] {
  const seen = new Set<RequestId>();
  return requests.map((request, index) => {
    const param = `requests[${index}]`;
    const line = "body" in request ? fromOpenAi(request, index + 1) : fromOurs(request, index + 1);
    if (typeof line === "string")
      throw new ApiError("INVALID_INPUT", `${param}: ${line}`, { param });
    if (seen.has(line.id)) {
      throw new ApiError("INVALID_INPUT", `${param}: the id ${line.id} occurs twice`, { param });
    }
    seen.add(line.id);
    return line;
  });
}

/** @returns the line, or what is wrong with it */
function fromOpenAi(request: object, number: number): BatchLine | string {
  const { custom_id: id = number, url, body } = request as Record<string, unknown>;
  if (typeof id !== "string" && typeof id !== "number") return "custom_id: expected a text";
  if (!URLS.includes(url)) return `url: expected one of ${URLS.join(", ")}`;
  if (typeof body !== "object" || body === null) return "body: expected an object";
  return { id, url: url as string, body: { ...body, stream: false } };
}

function fromOurs(request: object, number: number): BatchLine | string {
  const parsed = parseRequest(JSON.stringify(request), number);
  if ("error" in parsed) return parsed.error.message;
  const { id, input } = parsed;
  return {
    id,
    url: "messages" in input ? CHAT : COMPLETIONS,
    body: { ...input, ...fieldsOf(parsed) },
  };
}

/** The command line's names are those of requests in other letters, with these exceptions. */
function fieldsOf({ options: { nPredict, constraint, ...rest } }: BatchRequest): object {
  const same = Object.entries(rest).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  const { jsonSchema: schema, grammar, json } = constraint ?? {};
  return {
    ...Object.fromEntries(same),
    ...(nPredict !== undefined && nPredict > 0 && { max_tokens: nPredict }),
    ...(grammar !== undefined && { grammar }),
    ...(json && { response_format: { type: "json_object" } }),
    ...(schema !== undefined && {
      response_format: { type: "json_schema", json_schema: { schema } },
    }),
  };
}
