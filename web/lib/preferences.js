const PREFIX = "bitnet.";

/** What the browser keeps under a name; empty where it keeps nothing. @param {string} name */
export function preference(name) {
  try {
    return localStorage.getItem(PREFIX + name) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} name @param {string} value */
export function setPreference(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Forgotten with the page, which does no harm.
  }
}
