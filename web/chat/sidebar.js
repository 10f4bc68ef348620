import { byId, h } from "../lib/dom.js";
import { counted, dayGroup } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { toast } from "../lib/toast.js";
import { exportText, importText } from "./transfer.js";

/** @import { Conversation } from "./conversation.js" */
/** @import { Desk } from "./desk.js" */

/** The list of conversations: to open, rename, delete, export and import them. */
export class Sidebar {
  #desk;
  #chosen;
  #root = byId("conversations");
  /** The conversation whose name is being edited. */
  #renaming = "";

  /** @param {Desk} desk @param {{ chosen: () => void }} hooks */
  constructor(desk, { chosen }) {
    this.#desk = desk;
    this.#chosen = chosen;
    byId("new-chat").addEventListener("click", () => {
      desk.create();
      chosen();
    });
    byId("export").addEventListener("click", () => this.#export());
    const file = /** @type {HTMLInputElement} */ (byId("import-file"));
    byId("import").addEventListener("click", () => file.click());
    file.addEventListener("change", async () => {
      if (file.files?.[0]) await this.#import(file.files[0]);
      file.value = "";
    });
  }

  show() {
    // A name that is being typed outlives news of other conversations.
    if (this.#renaming !== "" && this.#root.querySelector("input")) return;
    const focused = this.#focusedId();
    const nodes = this.#groups().map(([name, conversations]) => {
      const items = conversations.map((conversation) => this.#item(conversation));
      return h("section", {}, h("h2", {}, name), h("ul", {}, ...items));
    });
    const nothing = h("p", { class: "nothing" }, "Conversations that you begin appear here.");
    this.#root.replaceChildren(...(nodes.length > 0 ? nodes : [nothing]));
    if (focused) this.#focus(focused);
  }

  /** By day, newest first. @returns {[string, Conversation[]][]} */
  #groups() {
    const now = Date.now();
    /** @type {Map<string, Conversation[]>} */
    const groups = new Map();
    for (const conversation of this.#desk.list) {
      const name = dayGroup(conversation.updated, now);
      groups.set(name, [...(groups.get(name) ?? []), conversation]);
    }
    return [...groups];
  }

  #focusedId() {
    const focused = document.activeElement;
    return this.#root.contains(focused) ? focused?.closest("li")?.dataset["id"] : undefined;
  }

  /** @param {string} id */
  #focus(id) {
    /** @type {HTMLElement | null} */
    const button = this.#root.querySelector(`li[data-id="${id}"] .open`);
    button?.focus();
  }

  /** @param {Conversation} conversation */
  #item(conversation) {
    const { id, title } = conversation;
    const name = title || "New chat";
    const isOpen = id === this.#desk.current.id;
    const open = () => {
      this.#desk.open(id);
      this.#chosen();
    };
    const state =
      this.#desk.runOf(conversation) && h("span", { class: "pulse", title: "Answering" });
    const button = h(
      "button",
      {
        type: "button",
        class: "open",
        title: name,
        "aria-current": isOpen && "true",
        onclick: open,
      },
      h("span", {}, name),
      state,
    );
    return h(
      "li",
      { "data-id": id, class: isOpen && "current" },
      button,
      smallButton("edit", `Rename ${name}`, () => this.#rename(conversation)),
      smallButton("trash", `Delete ${name}`, () => this.#remove(id)),
    );
  }

  /** @param {Conversation} conversation */
  #rename({ id, title }) {
    const item = this.#root.querySelector(`li[data-id="${id}"]`);
    const input = h("input", { "aria-label": "Name of the conversation", maxlength: 200 });
    input.value = title;
    this.#renaming = id;
    const finish = (/** @type {boolean} */ keep) => {
      if (this.#renaming !== id) return;
      this.#renaming = "";
      if (keep) this.#desk.rename(id, input.value);
      this.show();
      this.#focus(id);
    };
    input.addEventListener("blur", () => finish(true));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.stopPropagation();
      finish(event.key === "Enter");
    });
    item?.replaceChildren(input);
    input.select();
    input.focus();
  }

  /** @param {string} id */
  #remove(id) {
    const undo = this.#desk.remove(id);
    toast("The conversation is deleted.", { label: "Undo", run: undo });
    byId("new-chat").focus();
  }

  #export() {
    const { list } = this.#desk;
    if (list.length === 0) return toast("There is nothing to export yet.");
    const address = URL.createObjectURL(new Blob([exportText(list)], { type: "application/json" }));
    const day = new Date().toISOString().slice(0, 10);
    h("a", { href: address, download: `bitnet-conversations-${day}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  /** @param {File} file */
  async #import(file) {
    try {
      const conversations = importText(await file.text());
      this.#desk.add(conversations);
      const [first] = conversations;
      if (first) this.#desk.open(first.id);
      toast(`Imported ${counted(conversations.length, "conversation")}.`);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
    }
  }
}

/** @param {"edit" | "trash"} picture @param {string} label @param {() => void} run */
function smallButton(picture, label, run) {
  const button = h("button", { type: "button", class: "ghost small", title: label, onclick: run });
  button.append(icon(picture), h("span", { class: "hidden" }, label));
  return button;
}
