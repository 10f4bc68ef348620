import { byId } from "./dom.js";

/** @type {Promise<boolean> | undefined} */
let asking;

/**
 * Asks for an API key, once for all who need it.
 * @param {boolean} again the last one was wrong
 * @param {(key: string) => void} take
 * @returns {Promise<boolean>} false: the person has none
 */
export function askKey(again, take) {
  asking ??= ask(again, take).finally(() => {
    asking = undefined;
  });
  return asking;
}

/** @param {boolean} again @param {(key: string) => void} take @returns {Promise<boolean>} */
function ask(again, take) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("key-dialog"));
  const input = /** @type {HTMLInputElement} */ (byId("key"));
  byId("no-key").onclick = () => dialog.close();
  byId("key-wrong").hidden = !again;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    const done = () => {
      const key = input.value.trim();
      const given = dialog.returnValue === "key" && key !== "";
      if (given) take(key);
      input.value = "";
      resolve(given);
    };
    dialog.addEventListener("close", done, { once: true });
  });
}
