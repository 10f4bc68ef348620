import { newId } from "./conversation.js";
import { settingsFrom } from "./settings.js";

/** @import { AnswerStats, Conversation, Message, MessageState } from "./conversation.js" */

const FORMAT = "bitnet-conversations";
const VERSION = 1;
/** @type {readonly MessageState[]} */
const ENDED = ["done", "stopped", "interrupted", "failed"];

/** @param {readonly Conversation[]} conversations @returns {string} */
export function exportText(conversations) {
  return JSON.stringify({ format: FORMAT, version: VERSION, conversations }, undefined, 2);
}

/**
 * The conversations of an exported file. They get ids of their own, so that nothing is overwritten.
 * @param {string} text
 * @returns {Conversation[]}
 * @throws {Error} says what is wrong with the file
 */
export function importText(text) {
  const file = parsed(text);
  if (file?.format !== FORMAT) throw new Error("This file holds no exported conversations.");
  if (file.version !== VERSION) {
    throw new Error(`The file has version ${file.version}; this page reads version ${VERSION}.`);
  }
  if (!Array.isArray(file.conversations))
    throw new Error("The file's list of conversations is missing.");
  const given = /** @type {unknown[]} */ (file.conversations);
  return given.map(conversationFrom);
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON.");
  }
}

/** @param {any} value @param {number} index @returns {Conversation} */
function conversationFrom(value, index) {
  const given = Array.isArray(value?.messages) ? value.messages : [undefined];
  /** @type {Message[]} */
  const messages = given.map(messageFrom).filter((/** @type {unknown} */ one) => one !== undefined);
  if (messages.length < given.length) {
    throw new Error(`Conversation ${index + 1} of the file is damaged.`);
  }
  const leaf = messages.some(({ id }) => id === value.leaf) ? value.leaf : messages.at(-1)?.id;
  return {
    id: newId(),
    title: typeof value.title === "string" ? value.title : "",
    created: timeFrom(value.created),
    updated: timeFrom(value.updated),
    settings: settingsFrom(value.settings),
    messages,
    leaf: leaf ?? null,
  };
}

/** @param {any} value @returns {Message | undefined} */
function messageFrom(value) {
  const { id, parent, role, content } = value ?? {};
  if (typeof id !== "string" || !(parent === null || typeof parent === "string")) return undefined;
  if (!(role === "user" || role === "assistant") || typeof content !== "string") return undefined;
  const state = ENDED.find((one) => one === value.state) ?? "done";
  const stats = statsFrom(value.stats);
  return {
    id,
    parent,
    role,
    content,
    created: timeFrom(value.created),
    state,
    ...(stats && { stats }),
  };
}

/** @param {any} value @returns {AnswerStats | undefined} */
function statsFrom(value) {
  const names = /** @type {const} */ ([
    "firstMs",
    "tokens",
    "rate",
    "promptTokens",
    "cachedTokens",
  ]);
  if (names.some((name) => typeof value?.[name] !== "number")) return undefined;
  const { firstMs, tokens, rate, promptTokens, cachedTokens, finish } = value;
  return { firstMs, tokens, rate, promptTokens, cachedTokens, finish: String(finish) };
}

/** @param {unknown} value */
function timeFrom(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : Date.now();
}
