import { branchOf, splitThought } from "./conversation.js";

/** @import { Conversation } from "./conversation.js" */
/** @import { Settings } from "./settings.js" */
/**
 * @typedef {{ role: "system" | "user" | "assistant", content: string }} RequestMessage
 * @typedef {Omit<Settings, "system"> & {
 *   model: string, messages: RequestMessage[], stream: true,
 *   stream_options: { include_usage: true } }} ChatRequest
 */

/**
 * The question to the server, with everything before it.
 * @param {Conversation} conversation
 * @param {string | null} leaf the last message that the model sees
 * @param {string} model
 * @returns {ChatRequest}
 */
export function requestFor(conversation, leaf, model) {
  const { system, ...sampling } = conversation.settings;
  /** @type {RequestMessage[]} */
  const messages = system ? [{ role: "system", content: system }] : [];
  for (const { role, content } of branchOf(conversation, leaf)) {
    const text = role === "assistant" ? splitThought(content).answer : content;
    if (text === "") continue;
    const last = messages.at(-1);
    // Two questions in a row: the first got no answer. Many templates want the roles to alternate.
    if (last?.role === role) last.content += `\n\n${text}`;
    else messages.push({ role, content: text });
  }
  return { model, messages, stream: true, stream_options: { include_usage: true }, ...sampling };
}
