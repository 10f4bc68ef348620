import { UsageError } from "../errors.ts";

/** Who speaks. Templates put the role into the text unprotected (some write `<|user|>` with it), so
 *  nothing but these words may stand there. */
export const ROLES = ["system", "developer", "user", "assistant", "tool"] as const;

export type Role = (typeof ROLES)[number];

/** A function that the assistant calls, as templates know it. */
export interface MessageToolCall {
  readonly id?: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: unknown };
}

/** One message of a conversation. */
export interface Message {
  readonly role: Role;
  readonly content: string;
  /** Of the assistant. */
  readonly tool_calls?: readonly MessageToolCall[];
  /** Of a tool: the call that this is the result of, and the function's name. */
  readonly tool_call_id?: string;
  readonly name?: string;
}

/** Checks messages that came from outside (a file, a request).
 *  @throws {UsageError} not a list of { role, content }, an unknown role; names the index */
export function parseMessages(value: unknown): Message[] {
  if (!Array.isArray(value)) throw new UsageError("messages: expected a list");
  if (value.length === 0) throw new UsageError("messages: the list is empty");
  return value.map(parseMessage);
}

function parseMessage(value: unknown, index: number): Message {
  if (typeof value !== "object" || value === null) {
    throw new UsageError(`messages[${index}]: expected an object with role and content`);
  }
  const { role, content, tool_calls, tool_call_id, name } = value as Record<string, unknown>;
  const known = ROLES.find((name) => name === role);
  if (known === undefined) {
    const found = typeof role === "string" ? JSON.stringify(role.slice(0, 40)) : typeof role;
    throw new UsageError(`messages[${index}].role: unknown role ${found}`, {
      hint: `roles: ${ROLES.join(", ")}`,
    });
  }
  if (typeof content !== "string") {
    throw new UsageError(`messages[${index}].content: expected a string, found ${typeof content}`);
  }
  return {
    role: known,
    content,
    ...(Array.isArray(tool_calls) && { tool_calls: tool_calls as MessageToolCall[] }),
    ...(typeof tool_call_id === "string" && { tool_call_id }),
    ...(typeof name === "string" && { name }),
  };
}
