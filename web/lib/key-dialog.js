import { byId } from "./dom.js";

/** @type {Promise<boolean> | undefined} */
let asking;

/**
 * Asks for an API key, once for all who need it.
 * @param {(key: string) => void} take
 * @returns {Promise<boolean>} false: the person has none
 */
export function askKey(take) {
  asking ??= ask(take).finally(() => {
    asking = undefined;
  });
  return asking;
}

/** @param {(key: string) => void} take @returns {Promise<boolean>} */
function ask(take) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("key-dialog"));
  const input = /** @type {HTMLInputElement} */ (byId("key"));
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
