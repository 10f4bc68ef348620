import type { Message, MessageToolCall } from "../../chat/messages.ts";
import { ApiError } from "../api-error.ts";
import type { ChatRequest } from "../schemas/chat.ts";
import type { Tool } from "../schemas/tools.ts";

/** The functions that the model may call in its answer, if any.
 *  @throws {ApiError} a choice of a function that is not among them */
export function toolsOf({ tools, tool_choice: choice }: ChatRequest): readonly Tool[] {
  const given = tools ?? [];
  if (choice === "none") return [];
  if (choice === "required" && given.length === 0)
    throw noSuchTool("tool_choice: there are no tools");
  if (typeof choice !== "object" || choice === null) return given;
  const named = given.filter((tool) => tool.function.name === choice.function.name);
  if (named.length > 0) return named;
  throw noSuchTool(`tool_choice: there is no tool "${choice.function.name}"`);
}

/** Whether the answer must be a call. */
export function isCallForced({ tool_choice: choice }: ChatRequest): boolean {
  return choice === "required" || (typeof choice === "object" && choice !== null);
}

/** JSON schema of a call of one of the functions. */
export function callSchema(tools: readonly Tool[]): object {
  const calls = tools.map(({ function: { name, parameters } }) => ({
    type: "object",
    properties: { name: { const: name }, arguments: parameters ?? { type: "object" } },
    required: ["name", "arguments"],
    additionalProperties: false,
  }));
  return calls.length === 1 ? (calls[0] as object) : { anyOf: calls };
}

function noSuchTool(message: string): ApiError {
  return new ApiError("INVALID_INPUT", message, { param: "tool_choice" });
}

const INTRODUCTION =
  "You may call functions to answer the user. Their signatures, as JSON, one a line:";
const INSTRUCTION =
  "For each call answer with its name and arguments as JSON between marks:\n" +
  '<tool_call>\n{"name": "...", "arguments": {...}}\n</tool_call>';

/** The same conversation for a template that knows nothing of tools: functions are told in the system
 *  message, calls and their results are texts, in the manner of Hermes. */
export function withPlainTools(
  messages: readonly Message[],
  tools: readonly Tool[],
): readonly Message[] {
  const plain = messages.map(plainMessage);
  if (tools.length === 0) return plain;
  const list = tools.map((tool) => JSON.stringify(tool.function)).join("\n");
  const told = `${INTRODUCTION}\n${list}\n${INSTRUCTION}`;
  const [first, ...rest] = plain;
  if (first?.role !== "system") return [{ role: "system", content: told }, ...plain];
  return [{ role: "system", content: `${first.content}\n\n${told}` }, ...rest];
}

function plainMessage({ role, content, tool_calls: calls = [] }: Message): Message {
  if (role === "tool") {
    return { role: "user", content: `<tool_response>\n${content}\n</tool_response>` };
  }
  return {
    role,
    content: [content, ...calls.map(plainCall)].filter((text) => text !== "").join("\n"),
  };
}

function plainCall({ function: { name, arguments: args } }: MessageToolCall): string {
  return `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`;
}
