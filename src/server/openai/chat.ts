import type { Message } from "../../chat/messages.ts";
import { ApiError } from "../api-error.ts";
import type { Serving } from "../backend.ts";
import type { ChatMessage, ChatRequest } from "../schemas/chat.ts";
import type { Tool, ToolCall } from "../schemas/tools.ts";
import { withPlainTools } from "./tools.ts";

/** Token ids of a conversation.
 *    tools  functions that the model may call
 *  @throws {ApiError}   parts that are no text, a model without a chat template
 *  @throws {UsageError} what the model's template refuses */
export function chatPrompt(
  { template, system }: Pick<Serving, "template" | "system">,
  { messages }: Pick<ChatRequest, "messages">,
  tools: readonly Tool[] = [],
): Int32Array {
  if (!template) {
    throw new ApiError("INVALID_INPUT", "this model has no chat template: use /v1/completions", {
      code: "unsupported",
    });
  }
  const typed = withSystem(messages.map(toMessage), system);
  if (/\btools\b/.test(template.source)) {
    return template.encode(typed, tools.length > 0 ? { variables: { tools } } : {});
  }
  return template.encode(withPlainTools(typed, tools));
}

function withSystem(messages: readonly Message[], system: string | undefined): readonly Message[] {
  const isGiven = messages.some(({ role }) => role === "system" || role === "developer");
  if (system === undefined || isGiven) return messages;
  return [{ role: "system", content: system }, ...messages];
}

function toMessage(message: ChatMessage, index: number): Message {
  const { role, content, name, tool_calls: calls, tool_call_id } = message;
  return {
    role,
    content: typeof content === "string" ? content : joinParts(content ?? [], index),
    ...(calls != null && { tool_calls: calls.map(toTemplateCall) }),
    ...(tool_call_id != null && { tool_call_id }),
    ...(name != null && { name }),
  };
}

function joinParts(parts: readonly { type: string; text?: string }[], index: number): string {
  const texts = parts.map(({ type, text }, i) => {
    if (type === "text" && text !== undefined) return text;
    throw new ApiError("INVALID_INPUT", `only parts of type text are understood, not "${type}"`, {
      param: `messages[${index}].content[${i}]`,
      code: "unsupported",
    });
  });
  return texts.join("");
}

/** Templates want the arguments as an object, requests have them as text. */
function toTemplateCall({ id, function: { name, arguments: text } }: ToolCall) {
  return { id, type: "function" as const, function: { name, arguments: parsed(text) } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
