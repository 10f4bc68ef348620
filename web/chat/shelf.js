/** @import { Conversation } from "./conversation.js" */
/** @import { Store } from "./storage.js" */

/** So often a conversation that grows is saved: a closed tab loses no more. */
const SAVE_MS = 2000;

/** The conversations, in memory and in the browser's storage. */
export class Shelf {
  /** @type {Map<string, Conversation>} */
  #all = new Map();
  /** When each was saved last. @type {Map<string, number>} */
  #savedAt = new Map();
  /** Those that only memory holds, because storing them failed. @type {Set<string>} */
  #unsaved = new Set();
  #store;
  #notSaved;

  /** @param {Store} store @param {(error: unknown) => void} notSaved */
  constructor(store, notSaved) {
    this.#store = store;
    this.#notSaved = notSaved;
  }

  /**
   * Takes in what is stored, which other tabs may have changed. Answers that a closed page left
   * unfinished are marked as such.
   */
  async load() {
    const kept = [...this.#unsaved].flatMap((id) => this.#all.get(id) ?? []);
    const stored = await this.#store.all();
    for (const message of stored.flatMap(({ messages }) => messages)) {
      if (message.state === "writing") message.state = "interrupted";
    }
    this.#all = new Map([...stored, ...kept].map((one) => [one.id, one]));
  }

  /** Newest first. */
  get list() {
    return [...this.#all.values()].sort((a, b) => b.updated - a.updated);
  }

  /** @param {string} id */
  get(id) {
    return this.#all.get(id);
  }

  /** Puts it here, if it is not, and stores it. @param {Conversation} conversation */
  save(conversation) {
    const { id } = conversation;
    this.#all.set(id, conversation);
    this.#savedAt.set(id, performance.now());
    this.#store.put(conversation).then(
      () => this.#unsaved.delete(id),
      (error) => {
        this.#unsaved.add(id);
        this.#notSaved(error);
      },
    );
  }

  /** Stores one that grows now and then. @param {Conversation} conversation */
  saveSometimes(conversation) {
    const savedAt = this.#savedAt.get(conversation.id) ?? 0;
    if (performance.now() - savedAt > SAVE_MS) this.save(conversation);
  }

  /** @param {string} id */
  remove(id) {
    this.#all.delete(id);
    this.#unsaved.delete(id);
    this.#store.remove(id).catch(this.#notSaved);
  }
}
