import { h } from "../lib/dom.js";

/** Makes a text area as high as its text. @param {HTMLTextAreaElement} area */
export function fitHeight(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

/** Whether a key press sends: Enter alone, and not while a word is being composed. @param {KeyboardEvent} event */
export function isSend(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing;
}

/**
 * Puts an editor in the place of a question's text.
 * @param {HTMLElement} article
 * @param {string} text
 * @param {{ send: (text: string) => void, cancel: () => void }} actions
 */
export function openEditor(article, text, { send, cancel }) {
  const area = h("textarea", { rows: 1, "aria-label": "Your message" });
  area.value = text;
  const finish = () => {
    if (area.value.trim() !== "") send(area.value.trim());
  };
  area.addEventListener("input", () => fitHeight(area));
  area.addEventListener("keydown", (event) => {
    if (isSend(event)) {
      event.preventDefault();
      finish();
    }
    if (event.key !== "Escape") return;
    // This Esc is about the editor, not about an answer that is being written.
    event.stopPropagation();
    cancel();
  });
  const buttons = h(
    "div",
    { class: "buttons" },
    h("button", { type: "button", class: "plain", onclick: cancel }, "Cancel"),
    h("button", { type: "button", class: "main", onclick: finish }, "Ask"),
  );
  article.classList.add("editing");
  article.replaceChildren(h("div", { class: "editor" }, area, buttons));
  fitHeight(area);
  area.focus();
}
