import { addMessage, dropEmpty, newConversation, showBranch } from "./conversation.js";
import { Run } from "./run.js";

/** @import { Conversation, Message } from "./conversation.js" */
/** @import { RunHost } from "./run.js" */
/** @import { Settings } from "./settings.js" */
/** @import { Store } from "./storage.js" */
/**
 * @typedef {object} DeskEvents
 * @property {() => void} list                      names or order of conversations have changed
 * @property {() => void} branch                    the shown messages are others
 * @property {(run: Run) => void} progress          an answer has grown or ended
 * @property {(error: unknown) => void} notSaved
 */

/** So often an answer that grows is saved: a closed tab loses no more. */
const SAVE_MS = 2000;

/** The conversations, the one that is open, and the answers that are being written. */
export class Desk {
  /** @type {Map<string, Conversation>} */
  #all = new Map();
  /** By conversation. @type {Map<string, Run>} */
  #runs = new Map();
  /** @type {Map<string, number>} */
  #savedAt = new Map();
  #store;
  #host;
  #events;
  /** @type {Conversation} */
  #current;

  /**
   * @param {Store} store
   * @param {Omit<RunHost, "changed">} host
   * @param {Settings} settings of new conversations
   * @param {DeskEvents} events
   */
  constructor(store, host, settings, events) {
    this.#store = store;
    this.#host = { ...host, changed: (/** @type {Run} */ run) => this.#progress(run) };
    this.#events = events;
    this.#current = newConversation(settings);
  }

  /** Takes in what is stored. Answers that a closed page left unfinished are marked as such. */
  async load() {
    for (const conversation of await this.#store.all()) {
      for (const message of conversation.messages) {
        if (message.state === "writing") message.state = "interrupted";
      }
      this.#all.set(conversation.id, conversation);
    }
    this.#events.list();
  }

  /** Newest first. */
  get list() {
    return [...this.#all.values()].sort((a, b) => b.updated - a.updated);
  }

  get current() {
    return this.#current;
  }

  /** @param {Conversation} conversation */
  runOf(conversation) {
    return this.#runs.get(conversation.id);
  }

  get isRunning() {
    return this.#runs.size > 0;
  }

  /** @param {string} id */
  open(id) {
    const conversation = this.#all.get(id);
    if (conversation) this.#show(conversation);
  }

  create() {
    this.#show(newConversation(this.#current.settings));
  }

  /** @param {Conversation} conversation */
  #show(conversation) {
    this.#current = conversation;
    this.#events.branch();
    this.#events.list();
  }

  /** Asks at the end of the shown branch. @param {string} text */
  send(text) {
    if (this.runOf(this.#current)) return;
    this.#ask(this.#current.leaf, text);
  }

  /** Asks in the place of an earlier question, on a branch of its own. @param {Message} message @param {string} text */
  edit(message, text) {
    this.stop();
    this.#ask(message.parent, text);
  }

  /** Writes another answer beside one. @param {Message} message */
  again(message) {
    this.stop();
    dropEmpty(this.#current, message);
    this.#answer(message.parent);
  }

  /** @param {string | null} parent @param {string} content */
  #ask(parent, content) {
    const question = addMessage(this.#current, { parent, role: "user", content, state: "done" });
    this.#all.set(this.#current.id, this.#current);
    this.#answer(question.id);
  }

  /** @param {string | null} parent */
  #answer(parent) {
    const conversation = this.#current;
    const answer = addMessage(conversation, {
      parent,
      role: "assistant",
      content: "",
      state: "writing",
    });
    const run = new Run(this.#host, conversation, answer);
    this.#runs.set(conversation.id, run);
    this.#events.branch();
    this.#events.list();
    this.save(conversation);
    void run.write();
  }

  /** Stops the answer of the open conversation. */
  stop() {
    const run = this.runOf(this.#current);
    // What follows must not wait for the connection: the answer ends here.
    this.#runs.delete(this.#current.id);
    run?.stop();
    return run !== undefined;
  }

  /** @param {Message} message */
  showVariant(message) {
    showBranch(this.#current, message.id);
    this.#events.branch();
    this.save(this.#current);
  }

  /** @param {string} id @param {string} title */
  rename(id, title) {
    const conversation = this.#all.get(id);
    if (!conversation || title.trim() === "") return;
    conversation.title = title.trim();
    this.#events.list();
    this.save(conversation);
  }

  /** @param {Settings} settings */
  change(settings) {
    this.#current.settings = settings;
    if (this.#all.has(this.#current.id)) this.save(this.#current);
  }

  /** @param {string} id @returns {() => void} takes it back */
  remove(id) {
    const conversation = this.#all.get(id);
    if (!conversation) return () => undefined;
    this.#runs.get(id)?.stop();
    this.#runs.delete(id);
    this.#all.delete(id);
    this.#store.remove(id).catch(this.#events.notSaved);
    if (this.#current.id === id) this.create();
    else this.#events.list();
    return () => {
      this.add([conversation]);
      this.open(id);
    };
  }

  /** @param {readonly Conversation[]} conversations */
  add(conversations) {
    for (const conversation of conversations) {
      this.#all.set(conversation.id, conversation);
      this.save(conversation);
    }
    this.#events.list();
  }

  /** @param {Conversation} conversation */
  save(conversation) {
    this.#savedAt.set(conversation.id, performance.now());
    this.#store.put(conversation).catch(this.#events.notSaved);
  }

  /** @param {Run} run */
  #progress(run) {
    const { conversation, message } = run;
    const ended = message.state !== "writing";
    if (ended && this.#runs.get(conversation.id) === run) this.#runs.delete(conversation.id);
    const unsavedMs = performance.now() - (this.#savedAt.get(conversation.id) ?? 0);
    const kept = this.#all.has(conversation.id);
    if (kept && (ended || unsavedMs > SAVE_MS)) this.save(conversation);
    this.#events.progress(run);
    if (ended) this.#events.list();
  }
}
