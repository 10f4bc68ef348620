import { h, setText } from "../lib/dom.js";
import { counted, digits, duration } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { copyTo, MarkdownView } from "../markdown/render.js";
import { splitThought } from "./conversation.js";

/** @import { AnswerStats, Message } from "./conversation.js" */
/**
 * @typedef {object} MessageActions
 * @property {(message: Message) => void} again
 * @property {(message: Message) => void} edit       opens the editor
 * @property {(message: Message) => void} variant    shows this one instead
 */

/** @param {string} picture @param {string} label @param {(event: Event) => void} run */
function actionButton(picture, label, run) {
  const name = /** @type {Parameters<typeof icon>[0]} */ (picture);
  const button = h("button", { type: "button", class: "ghost small", title: label, onclick: run });
  button.append(icon(name), h("span", { class: "hidden" }, label));
  return button;
}

/**
 * The choice between the variants of a message.
 * @param {Message} message @param {readonly Message[]} variants @param {MessageActions} actions
 */
function variantButtons(message, variants, actions) {
  if (variants.length < 2) return undefined;
  const at = variants.findIndex(({ id }) => id === message.id);
  const step = (
    /** @type {number} */ by,
    /** @type {"left" | "right"} */ picture,
    /** @type {string} */ label,
  ) => {
    const target = variants[at + by];
    const button = actionButton(picture, label, () => target && actions.variant(target));
    button.disabled = target === undefined;
    return button;
  };
  const place = h("span", { class: "place" }, `${at + 1} / ${variants.length}`);
  const label = `Variant ${at + 1} of ${variants.length}`;
  return h(
    "span",
    { class: "variants", role: "group", "aria-label": label },
    step(-1, "left", "Earlier variant"),
    place,
    step(1, "right", "Later variant"),
  );
}

/**
 * A question.
 * @param {Message} message @param {readonly Message[]} variants @param {MessageActions} actions
 */
export function questionView(message, variants, actions) {
  const copy = actionButton("copy", "Copy", () => void copyTo(copy, message.content));
  return h(
    "article",
    { class: "message question-message", "data-id": message.id },
    h("h2", { class: "hidden" }, "You"),
    h("div", { class: "bubble" }, message.content),
    h(
      "div",
      { class: "actions" },
      variantButtons(message, variants, actions),
      copy,
      actionButton("edit", "Edit and ask again", () => actions.edit(message)),
    ),
  );
}

/** An answer, which may still grow. */
export class AnswerView {
  #thought = h("details", { class: "thought", hidden: true });
  #thoughtName = h("summary");
  #thoughtText = new MarkdownView(h("div", { class: "prose" }));
  #text = new MarkdownView(h("div", { class: "prose" }));
  #waiting = h("p", { class: "waiting", hidden: true });
  #waitingText = h("span");
  #problem = h("div", { class: "problem", hidden: true });
  #figures = h("span", { class: "figures" });
  #foot;

  /** @param {Message} message @param {readonly Message[]} variants @param {MessageActions} actions */
  constructor(message, variants, actions) {
    this.message = message;
    this.actions = actions;
    this.#thought.append(this.#thoughtName, this.#thoughtText.root);
    const dots = h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
    this.#waiting.append(dots, this.#waitingText);
    const copy = actionButton(
      "copy",
      "Copy",
      () => void copyTo(copy, splitThought(message.content).answer),
    );
    this.#foot = h(
      "footer",
      {},
      this.#figures,
      h(
        "span",
        { class: "actions" },
        variantButtons(message, variants, actions),
        copy,
        actionButton("again", "Answer again", () => actions.again(message)),
      ),
    );
    this.element = h(
      "article",
      { class: "message answer", "data-id": message.id },
      h("h2", { class: "hidden" }, "Answer"),
      ...[this.#thought, this.#text.root, this.#waiting, this.#problem, this.#foot],
    );
    this.update("");
  }

  /** @param {string} waiting what the answer waits for; empty: nothing */
  update(waiting) {
    const { message } = this;
    const writing = message.state === "writing";
    const { thought, answer, thinking } = splitThought(message.content);
    this.element.setAttribute("aria-busy", String(writing));
    this.#thought.hidden = thought === "";
    this.#thoughtText.show(thought);
    setText(this.#thoughtName, thinking && writing ? "Thinking\u2026" : "Thoughts");
    this.#text.show(answer);
    this.#waiting.hidden = waiting === "";
    setText(this.#waitingText, waiting);
    this.#foot.classList.toggle("unfinished", writing);
    setText(this.#figures, figuresOf(message));
    if (message.stats) this.#figures.title = detailsOf(message.stats);
    this.#showProblem();
  }

  #showProblem() {
    const { state, problem } = this.message;
    const interrupted = { title: "This answer was interrupted", advice: "Ask for it again." };
    const shown =
      state === "interrupted" || state === "failed" ? (problem ?? interrupted) : undefined;
    this.#problem.hidden = shown === undefined;
    if (!shown || this.#problem.hasChildNodes()) return;
    const retry = h(
      "button",
      { type: "button", class: "plain", onclick: () => this.actions.again(this.message) },
      "Try again",
    );
    const words = h("div", {}, h("strong", {}, shown.title), h("p", {}, shown.advice));
    this.#problem.append(icon("warning"), words, retry);
  }
}

/** @param {Message} message */
function figuresOf({ stats, state }) {
  const ends = state === "stopped" ? ["stopped"] : [];
  if (!stats) return ends.join("");
  const { rate, tokens, firstMs, finish } = stats;
  return [
    ...(rate > 0 ? [`${digits(rate)} tokens/s`] : []),
    `first after ${duration(firstMs)}`,
    counted(tokens, "token"),
    ...(finish === "length" ? ["cut off at the limit"] : ends),
  ].join(" \u00b7 ");
}

/** @param {AnswerStats} stats */
function detailsOf({ promptTokens, cachedTokens }) {
  if (promptTokens === 0) return "";
  const cached = cachedTokens > 0 ? `, ${cachedTokens} of them known from before` : "";
  return `${counted(promptTokens, "token")} of prompt${cached}`;
}
