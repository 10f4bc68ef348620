import { byId, h } from "./dom.js";

const SHOWN_MS = 8000;

/**
 * A short message in the corner, with something to do about it where there is something.
 * @param {string} text
 * @param {{ label: string, run: () => void }} [action]
 */
export function toast(text, action) {
  const close = () => box.remove();
  const act = () => {
    close();
    action?.run();
  };
  const button = action && h("button", { type: "button", onclick: act }, action.label);
  const box = h("div", { class: "toast" }, h("span", {}, text), button);
  byId("toasts").append(box);
  // Whoever is about to press the button has time.
  const timer = setInterval(() => {
    if (!box.matches(":hover, :focus-within")) {
      clearInterval(timer);
      close();
    }
  }, SHOWN_MS);
}

/** Tells those who hear the page. @param {string} text */
export function speak(text) {
  byId("spoken").textContent = text;
}
