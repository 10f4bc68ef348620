import { type Message, parseMessages } from "../chat/messages.ts";
import { UsageError } from "../errors.ts";
import { isObject, type LineOptions, optionOf } from "./line-options.ts";

export type RequestId = string | number;

/** What a request asks: a text to go on from, or a conversation to answer. */
export type BatchInput = { readonly prompt: string } | { readonly messages: readonly Message[] };

/** One line of a batch. */
export interface BatchRequest {
  readonly id: RequestId;
  /** Counted from 1. */
  readonly line: number;
  readonly input: BatchInput;
  /** What this request wants otherwise than the others. */
  readonly options: LineOptions;
  /** Comes back with the answer as it is. */
  readonly metadata?: unknown;
}

/** A line that is no request. */
export interface BadRequest {
  readonly id: RequestId;
  readonly line: number;
  readonly error: UsageError;
}

/** Fields by the names of other programs, in camelCase. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["customId", "id"],
  ["maxTokens", "nPredict"],
  ["maxCompletionTokens", "nPredict"],
]);

/** Reads `{"id": ..., "prompt": ...}` or `{"id": ..., "messages": [...]}` with options of the request
 *  beside them. Names may be in snake_case. A line without an id has its number for one. */
export function parseRequest(text: string, line: number): BatchRequest | BadRequest {
  let id: RequestId = line;
  try {
    const fields = readFields(text);
    id = readId(fields.get("id")) ?? line;
    let options: LineOptions = {};
    for (const [name, value] of fields) {
      if (FIELDS.has(name)) continue;
      const option = optionOf(name, value);
      if (option.constraint && options.constraint) {
        throw new UsageError("jsonSchema, grammar and jsonObject exclude one another");
      }
      options = { ...options, ...option };
    }
    const metadata = fields.get("metadata");
    const input = readInput(fields);
    return { id, line, input, options, ...(metadata === undefined ? {} : { metadata }) };
  } catch (error) {
    if (error instanceof UsageError) return { id, line, error };
    throw error;
  }
}

const FIELDS: ReadonlySet<string> = new Set(["id", "prompt", "messages", "metadata"]);

function readFields(text: string): ReadonlyMap<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [key, value] of Object.entries(parseObject(text))) {
    const camelCase = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const name = ALIASES.get(camelCase) ?? camelCase;
    if (fields.has(name)) throw new UsageError(`${name} is given twice`);
    fields.set(name, value);
  }
  return fields;
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`not JSON: ${(error as Error).message}`, { hint: LINE_HINT });
  }
  if (isObject(value)) return value;
  throw new UsageError("not a JSON object", { hint: LINE_HINT });
}

const LINE_HINT = 'a line looks like {"id": "a", "prompt": "..."}';

function readId(value: unknown): RequestId | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new UsageError("id: expected a text or a whole number");
}

function readInput(fields: ReadonlyMap<string, unknown>): BatchInput {
  const prompt = fields.get("prompt");
  const messages = fields.get("messages");
  if (prompt !== undefined && messages !== undefined) {
    throw new UsageError("prompt and messages exclude one another");
  }
  if (messages !== undefined) return { messages: parseMessages(messages) };
  if (prompt === undefined) {
    throw new UsageError("neither prompt nor messages", { hint: LINE_HINT });
  }
  if (typeof prompt !== "string") throw new UsageError("prompt: expected a text");
  return { prompt };
}
