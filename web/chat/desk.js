import { addMessage, dropEmpty, newConversation, showBranch } from "./conversation.js";
import { Run } from "./run.js";

/** @import { Conversation, Message } from "./conversation.js" */
/** @import { RunHost } from "./run.js" */
/** @import { Settings } from "./settings.js" */
/** @import { Shelf } from "./shelf.js" */
/**
 * @typedef {object} DeskEvents
 * @property {() => void} list                names or order of conversations have changed
 * @property {() => void} branch              the shown messages are others
 * @property {(run: Run) => void} progress    an answer has grown or ended
 */

/** The conversation that is open, and the answers that are being written. */
export class Desk {
  /** By conversation. @type {Map<string, Run>} */
  #runs = new Map();
  #shelf;
  #host;
  #events;
  /** Not on the shelf until something is asked. @type {Conversation} */
  #current;

  /**
   * @param {Shelf} shelf
   * @param {Omit<RunHost, "changed">} host
   * @param {Settings} settings of new conversations
   * @param {DeskEvents} events
   */
  constructor(shelf, host, settings, events) {
    this.#shelf = shelf;
    this.#host = { ...host, changed: (/** @type {Run} */ run) => this.#progress(run) };
    this.#events = events;
    this.#current = newConversation(settings);
  }

  /** Shows what is stored, unless something is being written. */
  async load() {
    if (this.isRunning) return;
    await this.#shelf.load();
    const same = this.#shelf.get(this.#current.id);
    if (same && JSON.stringify(same) !== JSON.stringify(this.#current)) return this.#show(same);
    if (same) this.#current = same;
    this.#events.list();
  }

  get list() {
    return this.#shelf.list;
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
    const conversation = this.#shelf.get(id);
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
    const question = { parent, role: /** @type {const} */ ("user"), content };
    this.#answer(addMessage(this.#current, { ...question, state: "done" }).id);
  }

  /** @param {string | null} parent */
  #answer(parent) {
    const conversation = this.#current;
    const answer = { parent, role: /** @type {const} */ ("assistant"), content: "" };
    const message = addMessage(conversation, { ...answer, state: "writing" });
    const run = new Run(this.#host, conversation, message);
    this.#runs.set(conversation.id, run);
    this.#shelf.save(conversation);
    this.#events.branch();
    this.#events.list();
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
    this.#shelf.save(this.#current);
  }

  /** @param {string} id @param {string} title */
  rename(id, title) {
    const conversation = this.#shelf.get(id);
    if (!conversation || title.trim() === "") return;
    conversation.title = title.trim();
    this.#events.list();
    this.#shelf.save(conversation);
  }

  /** @param {Settings} settings */
  change(settings) {
    this.#current.settings = settings;
    if (this.#shelf.get(this.#current.id)) this.#shelf.save(this.#current);
  }

  /** @param {string} id @returns {() => void} takes it back */
  remove(id) {
    const conversation = this.#shelf.get(id);
    if (!conversation) return () => undefined;
    this.#runs.get(id)?.stop();
    this.#runs.delete(id);
    this.#shelf.remove(id);
    if (this.#current.id === id) this.create();
    else this.#events.list();
    return () => {
      this.add([conversation]);
      this.open(id);
    };
  }

  /** @param {readonly Conversation[]} conversations */
  add(conversations) {
    for (const conversation of conversations) this.#shelf.save(conversation);
    this.#events.list();
  }

  /** @param {Run} run */
  #progress(run) {
    const { conversation, message } = run;
    const ended = message.state !== "writing";
    if (ended && this.#runs.get(conversation.id) === run) this.#runs.delete(conversation.id);
    // One that was deleted meanwhile stays so.
    if (this.#shelf.get(conversation.id) === conversation) {
      if (ended) this.#shelf.save(conversation);
      else this.#shelf.saveSometimes(conversation);
    }
    this.#events.progress(run);
    if (ended) this.#events.list();
  }
}
