import { UsageError } from "../errors.ts";

/** Who speaks. Templates put the role into the text unprotected (some write `<|user|>` with it), so
 *  nothing but these words may stand there. */
export const ROLES = ["system", "developer", "user", "assistant", "tool"] as const;

export type Role = (typeof ROLES)[number];

/** One message of a conversation. */
export interface Message {
  readonly role: Role;
  readonly content: string;
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
  const { role, content } = value as { role?: unknown; content?: unknown };
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
  return { role: known, content };
}
