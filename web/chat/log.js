import { byId, h } from "../lib/dom.js";
import { speak } from "../lib/toast.js";
import { branchOf, variantsOf } from "./conversation.js";
import { openEditor } from "./editor.js";
import { AnswerView, questionView } from "./message.js";

/** @import { Desk } from "./desk.js" */
/** @import { Message } from "./conversation.js" */
/** @import { MessageActions } from "./message.js" */
/** @import { Run } from "./run.js" */

/** So near the end, the log follows an answer that grows. */
const NEAR_PX = 48;
const EXAMPLES = [
  "Tell me a short story about a fox.",
  "What is 17 + 25?",
  "Sort these numbers: 9, 2, 14, 5",
  "Write a Python function that reverses a string.",
];

/** The messages of the open conversation. */
export class LogView {
  #desk;
  #waitingText;
  #root = byId("log");
  #scroller = byId("scroller");
  #toEnd = byId("to-end");
  /** @type {Map<string, AnswerView>} */
  #answers = new Map();
  #follows = true;
  #frame = 0;

  /** @param {Desk} desk @param {(run: Run) => string} waitingText what a run waits for */
  constructor(desk, waitingText) {
    this.#desk = desk;
    this.#waitingText = waitingText;
    this.#scroller.addEventListener("scroll", () => this.#noteScroll(), { passive: true });
    this.#toEnd.addEventListener("click", () => this.toEnd());
  }

  /** Shows the branch anew. @param {{ focus?: string }} [options] message that gets the focus */
  show({ focus } = {}) {
    const { current } = this.#desk;
    this.#answers.clear();
    const views = branchOf(current).map((message) => this.#viewOf(message));
    this.#root.replaceChildren(...(views.length > 0 ? views : [this.#welcome()]));
    this.#root.classList.toggle("empty", views.length === 0);
    this.refresh();
    const focused =
      focus && this.#root.querySelector(`[data-id="${focus}"] .variants button:enabled`);
    if (focused instanceof HTMLElement) focused.focus();
  }

  /** Brings the answer that is being written up to date, at most once a frame. */
  refresh() {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#update();
    });
  }

  #update() {
    const run = this.#desk.runOf(this.#desk.current);
    for (const view of this.#answers.values()) {
      const own = run?.message === view.message ? run : undefined;
      view.update(own ? this.#waitingText(own) : "");
    }
    if (this.#follows) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#noteScroll();
  }

  /** Tells those who hear the page what has become of an answer. @param {Run} run */
  announce({ message, conversation }) {
    if (conversation !== this.#desk.current || message.state === "writing") return;
    const words = {
      done: "complete",
      stopped: "stopped",
      interrupted: "interrupted",
      failed: "failed",
    };
    speak(`Answer ${words[message.state]}`);
  }

  toEnd() {
    this.#follows = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#noteScroll();
  }

  #noteScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#follows = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    this.#toEnd.hidden = this.#follows;
  }

  /** @param {Message} message */
  #viewOf(message) {
    const variants = variantsOf(this.#desk.current, message);
    if (message.role === "user") return questionView(message, variants, this.#actions);
    const view = new AnswerView(message, variants, this.#actions);
    this.#answers.set(message.id, view);
    return view.element;
  }

  /** @type {MessageActions} */
  #actions = {
    again: (message) => {
      this.#follows = true;
      this.#desk.again(message);
      byId("question").focus();
    },
    edit: (message) => this.#edit(message),
    variant: (message) => {
      this.#desk.showVariant(message);
      this.show({ focus: message.id });
    },
  };

  /** @param {Message} message */
  #edit(message) {
    const article = this.#root.querySelector(`[data-id="${message.id}"]`);
    if (!(article instanceof HTMLElement)) return;
    openEditor(article, message.content, {
      send: (text) => {
        this.#follows = true;
        this.#desk.edit(message, text);
        byId("question").focus();
      },
      cancel: () => {
        this.show();
        byId("question").focus();
      },
    });
  }

  #welcome() {
    const examples = EXAMPLES.map((text) => {
      const ask = () => this.#desk.send(text);
      return h("li", {}, h("button", { type: "button", class: "example", onclick: ask }, text));
    });
    const heading = h("h1", {}, "What would you like to know?");
    const where = "The model runs on this server. Your conversations stay in this browser.";
    return h(
      "div",
      { class: "welcome" },
      mark(),
      heading,
      h("p", {}, where),
      h("ul", {}, ...examples),
    );
  }
}

/** The three values of a weight. */
function mark() {
  const picture = document.querySelector(".brand .mark")?.cloneNode(true);
  return /** @type {Node} */ (picture);
}
