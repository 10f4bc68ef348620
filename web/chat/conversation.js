/** @import { Problem } from "../api/problems.js" */
/** @import { Settings } from "./settings.js" */
/**
 * @typedef {object} AnswerStats
 * @property {number} firstMs        from the question to the first text
 * @property {number} tokens
 * @property {number} rate           tokens per second after the first; 0: not known
 * @property {number} promptTokens
 * @property {number} cachedTokens
 * @property {string} finish         why it ended
 *
 * @typedef {"done" | "writing" | "stopped" | "interrupted" | "failed"} MessageState
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string | null} parent  the message before
 * @property {"user" | "assistant"} role
 * @property {string} content
 * @property {number} created        milliseconds since 1970
 * @property {MessageState} state
 * @property {AnswerStats} [stats]
 * @property {Problem} [problem]
 *
 * @typedef {object} Conversation    a tree: an edited message and a second answer are branches
 * @property {string} id
 * @property {string} title          empty: not named yet
 * @property {number} created
 * @property {number} updated
 * @property {Settings} settings
 * @property {Message[]} messages
 * @property {string | null} leaf    the last message of the branch that is shown
 */

const TITLE_LENGTH = 60;

/** @param {Settings} settings @returns {Conversation} */
export function newConversation(settings) {
  const now = Date.now();
  const id = newId();
  return {
    id,
    title: "",
    created: now,
    updated: now,
    settings: { ...settings },
    messages: [],
    leaf: null,
  };
}

/** Not `crypto.randomUUID`, which browsers keep from pages that came over plain http. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Adds a message after `parent` and shows its branch.
 * @param {Conversation} conversation
 * @param {{ parent: string | null, role: Message["role"], content: string, state: MessageState }} message
 * @returns {Message}
 */
export function addMessage(conversation, message) {
  const added = { ...message, id: newId(), created: Date.now() };
  conversation.messages.push(added);
  conversation.leaf = added.id;
  conversation.updated = added.created;
  if (conversation.title === "" && message.role === "user") {
    conversation.title = titleOf(message.content);
  }
  return added;
}

/** The first line of a question, cut between words. @param {string} text */
export function titleOf(text) {
  const line = text.trim().split("\n", 1)[0]?.trim() ?? "";
  if (line.length <= TITLE_LENGTH) return line;
  const cut = line.slice(0, TITLE_LENGTH);
  const words = cut.slice(0, cut.lastIndexOf(" ") + 1).trim();
  return `${words || cut}\u2026`;
}

/**
 * The messages of the branch that ends with `leaf`, oldest first.
 * @param {Conversation} conversation
 * @param {string | null} [leaf]
 * @returns {Message[]}
 */
export function branchOf(conversation, leaf = conversation.leaf) {
  const known = new Map(conversation.messages.map((message) => [message.id, message]));
  /** @type {Message[]} */
  const branch = [];
  for (let id = leaf; id !== null; ) {
    const message = known.get(id);
    if (!message) break;
    known.delete(id);
    branch.push(message);
    id = message.parent;
  }
  return branch.reverse();
}

/**
 * The messages that stand in the same place as this one, itself among them.
 * @param {Conversation} conversation
 * @param {Message} message
 */
export function variantsOf(conversation, message) {
  return conversation.messages.filter(({ parent, role }) => {
    return parent === message.parent && role === message.role;
  });
}

/**
 * Shows the branch of a message: the one that was added to last.
 * @param {Conversation} conversation
 * @param {string} id
 */
export function showBranch(conversation, id) {
  let leaf = id;
  for (;;) {
    const next = conversation.messages.findLast(({ parent }) => parent === leaf);
    if (!next) break;
    leaf = next.id;
  }
  conversation.leaf = leaf;
}

/**
 * Takes an answer out that never began, so that it is not one to choose from.
 * @param {Conversation} conversation
 * @param {Message} message
 */
export function dropEmpty(conversation, message) {
  const used = conversation.messages.some(({ parent }) => parent === message.id);
  if (used || message.content !== "") return;
  conversation.messages = conversation.messages.filter(({ id }) => id !== message.id);
}

const THOUGHT = /^\s*<think>([\s\S]*?)(?:<\/think>\s*|$)/;

/**
 * What a model thought before it answered, and the answer.
 * @param {string} content
 * @returns {{ thought: string, answer: string, thinking: boolean }}
 */
export function splitThought(content) {
  const found = THOUGHT.exec(content);
  if (!found) return { thought: "", answer: content, thinking: false };
  const answer = content.slice(found[0].length);
  return { thought: (found[1] ?? "").trim(), answer, thinking: !found[0].includes("</think>") };
}
