import { byId } from "../lib/dom.js";
import { fitHeight, isSend } from "./editor.js";

/** @import { Desk } from "./desk.js" */

/** The field for questions, with the button that sends or stops. */
export class Composer {
  #desk;
  #area = /** @type {HTMLTextAreaElement} */ (byId("question"));
  #send = byId("send");
  #stop = byId("stop");

  /** @param {Desk} desk @param {{ sent: () => void }} hooks */
  constructor(desk, { sent }) {
    this.#desk = desk;
    const send = () => {
      const text = this.#area.value.trim();
      if (text === "" || desk.runOf(desk.current)) return;
      this.#area.value = "";
      fitHeight(this.#area);
      desk.send(text);
      sent();
    };
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      send();
    });
    this.#area.addEventListener("keydown", (event) => {
      if (!isSend(event)) return;
      event.preventDefault();
      send();
    });
    this.#area.addEventListener("input", () => {
      fitHeight(this.#area);
      this.update();
    });
    this.#stop.addEventListener("click", () => this.stop());
    this.update();
  }

  /** Stops the answer; the focus goes where one writes. */
  stop() {
    const stopped = this.#desk.stop();
    if (stopped) this.focus();
    return stopped;
  }

  /** Where one writes on a screen, this would bring up its keyboard. */
  focus() {
    if (!matchMedia("(pointer: coarse)").matches) this.#area.focus();
  }

  update() {
    const running = this.#desk.runOf(this.#desk.current) !== undefined;
    const hadFocus = document.activeElement === this.#stop || document.activeElement === this.#send;
    this.#send.hidden = running;
    this.#stop.hidden = !running;
    this.#send.toggleAttribute("disabled", this.#area.value.trim() === "");
    if (hadFocus && document.activeElement === document.body) this.focus();
  }
}
