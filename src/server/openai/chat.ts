import type { Message } from "../../chat/messages.ts";
import { ApiError } from "../api-error.ts";
import type { Serving } from "../backend.ts";
import type { ChatMessage, ChatRequest } from "../schemas/chat.ts";

/** Token ids of a conversation.
 *  @throws {ApiError}   parts that are no text, a model without a chat template
 *  @throws {UsageError} what the model's template refuses */
export function chatPrompt(
  { template, system }: Pick<Serving, "template" | "system">,
  { messages }: ChatRequest,
): Int32Array {
  if (!template) {
    throw new ApiError("INVALID_INPUT", "this model has no chat template: use /v1/completions", {
      code: "unsupported",
    });
  }
  const typed = messages.map(toMessage);
  const isGiven = typed.some(({ role }) => role === "system" || role === "developer");
  if (system === undefined || isGiven) return template.encode(typed);
  return template.encode([{ role: "system", content: system }, ...typed]);
}

function toMessage({ role, content }: ChatMessage, index: number): Message {
  if (typeof content === "string") return { role, content };
  const parts = content ?? [];
  const texts = parts.map(({ type, text }, i) => {
    if (type === "text" && text !== undefined) return text;
    throw new ApiError("INVALID_INPUT", `only parts of type text are understood, not "${type}"`, {
      param: `messages[${index}].content[${i}]`,
      code: "unsupported",
    });
  });
  return { role, content: texts.join("") };
}
