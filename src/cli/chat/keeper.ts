import { Conversation } from "../../chat/conversation.ts";
import type { Ui } from "../../ui/ui.ts";
import type { Chat } from "./chat.ts";
import type { History } from "./history.ts";
import { modelIdentity, type PromptCache } from "./prompt-cache.ts";
import { nameByTime, type SavedChats } from "./saved-chats.ts";

/** Keeps a chat and what is typed in it, under a name. What cannot be kept is told once and is no
 *  reason to stop talking. */
export class ChatKeeper {
  readonly saved: SavedChats;
  readonly #history: History;
  readonly #cache: PromptCache;
  readonly #ui: Ui;
  readonly #automatic: boolean;
  #name = nameByTime(new Date());
  /** There is a file of that name, written or read by us. */
  #exists = false;
  #told = false;

  /** @param automatic  keep after each turn, not only when asked to */
  constructor(saved: SavedChats, history: History, cache: PromptCache, ui: Ui, automatic: boolean) {
    this.saved = saved;
    this.#history = history;
    this.#cache = cache;
    this.#ui = ui;
    this.#automatic = automatic;
  }

  get name(): string {
    return this.#name;
  }

  /** What was typed in earlier chats, newest first. */
  async typed(): Promise<readonly string[]> {
    return this.#history.load();
  }

  /** Keeps a typed message for the next chats. */
  async remember(message: string): Promise<void> {
    if (this.#automatic && !(await this.#history.add(message))) {
      this.#tell("what is typed cannot be kept for the next chat");
    }
  }

  /** Keeps the chat as it is now. */
  async keep(chat: Chat): Promise<void> {
    const empty = chat.conversation.turns.length === 0 && !this.#exists;
    if (!this.#automatic || empty) return;
    await this.save(chat).catch((error: Error) => this.#tell(`not saved: ${error.message}`));
  }

  /** The same because the user asks for it.
   *  @throws as `SavedChats.save` */
  async save(chat: Chat, name = this.#name): Promise<void> {
    const { system, turns, leftOut } = chat.conversation;
    await this.saved.save(name, { model: chat.parts.model.path, system, turns, leftOut });
    this.#name = name;
    this.#exists = true;
  }

  /** What is said from now on is another chat; the present one stays as it was last kept. */
  renew(): void {
    this.#name = nameByTime(new Date());
    this.#exists = false;
  }

  /** The chat of that name, which is the one to keep from now on.
   *  @throws as `SavedChats.load` */
  async open(name: string): Promise<Conversation> {
    const { system, turns, leftOut } = await this.saved.load(name);
    this.#name = name;
    this.#exists = true;
    return new Conversation(system, turns, leftOut);
  }

  /** Keeps what the model has evaluated, so that the chat can go on at once. */
  async keepEvaluated({ conversation, parts }: Chat): Promise<void> {
    const known = conversation.known();
    if (!this.#automatic || !this.#exists || !known) return;
    try {
      const { session } = parts.speaker;
      await this.#cache.save(this.#name, await keyOf(parts), session, known.ids);
    } catch (error) {
      this.#ui.debug(`the prompt cache is not kept: ${String(error)}`);
    }
  }

  /** Takes up what the model evaluated when the chat was kept, if that is of use. */
  async restoreEvaluated({ conversation, parts }: Chat): Promise<void> {
    try {
      const { speaker, model } = parts;
      const { kvChunkBytes } = model.memory();
      const key = await keyOf(parts);
      const ids = await this.#cache.restore(this.#name, key, speaker.session, kvChunkBytes);
      if (ids) conversation.learn(ids);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#ui.info(`note: the prompt cache of this chat is not used: ${why}`);
    }
  }

  #tell(what: string): void {
    if (!this.#told) this.#ui.warn(what);
    this.#told = true;
  }
}

async function keyOf({ model, form }: Chat["parts"]): Promise<string> {
  return modelIdentity(model.files, model.snapshotKey(), form);
}
