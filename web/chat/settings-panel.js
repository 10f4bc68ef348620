import { byId, h } from "../lib/dom.js";
import { CONTROLS, isAllowed, settingsFrom } from "./settings.js";

/** @import { Desk } from "./desk.js" */
/** @import { Control, Settings } from "./settings.js" */

const CHANGED_MS = 300;

/** The sheet with the system prompt and the sampling of the open conversation. */
export class SettingsPanel {
  #desk;
  #changed;
  #dialog = /** @type {HTMLDialogElement} */ (byId("settings"));
  #form = /** @type {HTMLFormElement} */ (byId("settings-form"));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Desk} desk @param {{ changed: (settings: Settings) => void }} hooks */
  constructor(desk, { changed }) {
    this.#desk = desk;
    this.#changed = changed;
    byId("open-settings").addEventListener("click", () => this.#open());
    this.#dialog.addEventListener("close", () => this.#take());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#take(), CHANGED_MS);
    });
  }

  #open() {
    this.#show(this.#desk.current.settings);
    this.#dialog.showModal();
  }

  /** @param {Settings} settings */
  #show(settings) {
    const system = h("textarea", { id: "set-system", name: "system", rows: 5 });
    system.value = settings.system ?? "";
    system.placeholder = "You are a patient teacher. Answer briefly.";
    const reset = h("button", { type: "button", class: "plain", onclick: () => this.#reset() });
    reset.append("Use the server's settings");
    this.#form.replaceChildren(
      field("system", "System prompt", "What the model is told before the conversation", system),
      h("h3", {}, "Sampling"),
      h("p", { class: "help" }, "An empty field leaves the choice to the server."),
      ...CONTROLS.map((control) => controlField(control, settings[control.key])),
      reset,
    );
  }

  #reset() {
    this.#show({});
    this.#take();
    byId("set-system").focus();
  }

  #take() {
    clearTimeout(this.#timer);
    if (!this.#form.hasChildNodes()) return;
    const values = new FormData(this.#form);
    const numbers = CONTROLS.map(({ key }) => {
      const text = String(values.get(key) ?? "");
      return [key, text === "" ? undefined : Number(text)];
    });
    const settings = settingsFrom({ ...Object.fromEntries(numbers), system: values.get("system") });
    this.#desk.change(settings);
    this.#changed(settings);
  }
}

/** @param {string} key @param {string} label @param {string} help @param {...Node} inputs */
function field(key, label, help, ...inputs) {
  const id = `set-${key}`;
  for (const input of inputs) {
    if (input instanceof Element && input.id === id)
      input.setAttribute("aria-describedby", `${id}-help`);
  }
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("div", { class: "inputs" }, ...inputs),
    h("p", { class: "help", id: `${id}-help` }, help),
  );
}

/** @param {Control} control @param {number | undefined} value */
function controlField(control, value) {
  const { key, label, help, min, max, step, slider } = control;
  const limits = { min, max, step };
  const number = h("input", {
    ...{ id: `set-${key}`, name: key, type: "number", placeholder: "default", ...limits },
    inputmode: step < 1 ? "decimal" : "numeric",
  });
  number.value = value === undefined ? "" : String(value);
  number.addEventListener("input", () => {
    const invalid = number.value !== "" && !isAllowed(control, Number(number.value));
    number.setCustomValidity(invalid ? `between ${min} and ${max}` : "");
    number.reportValidity();
  });
  if (!slider) return field(key, label, help, number);
  const range = h("input", { type: "range", "aria-label": label, ...limits });
  const follow = () => {
    range.value = number.value === "" ? String(min) : number.value;
    range.classList.toggle("unset", number.value === "");
  };
  range.addEventListener("input", () => {
    number.value = range.value;
    follow();
  });
  number.addEventListener("input", follow);
  follow();
  return field(key, label, help, range, number);
}
