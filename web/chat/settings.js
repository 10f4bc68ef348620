/**
 * What a conversation asks of the model; what is absent is left to the server.
 * @typedef {object} Settings
 * @property {string} [system]
 * @property {number} [temperature]
 * @property {number} [top_k]
 * @property {number} [top_p]
 * @property {number} [min_p]
 * @property {number} [repeat_penalty]
 * @property {number} [max_tokens]
 * @property {number} [seed]
 *
 * @typedef {object} Control
 * @property {Exclude<keyof Settings, "system">} key  as the API names it
 * @property {string} label
 * @property {string} help
 * @property {number} min
 * @property {number} max
 * @property {number} step    1: whole numbers only
 * @property {boolean} slider
 */

/** @type {readonly Control[]} */
export const CONTROLS = [
  {
    ...{ key: "temperature", label: "Temperature", min: 0, max: 2, step: 0.05, slider: true },
    help: "0 always takes the likeliest word; higher is more varied",
  },
  {
    ...{ key: "top_p", label: "Top-p", min: 0, max: 1, step: 0.01, slider: true },
    help: "Only the likeliest words that together reach this share",
  },
  {
    ...{ key: "min_p", label: "Min-p", min: 0, max: 1, step: 0.01, slider: true },
    help: "No word below this share of the likeliest one",
  },
  {
    ...{
      key: "repeat_penalty",
      label: "Repeat penalty",
      min: 0.5,
      max: 2,
      step: 0.01,
      slider: true,
    },
    help: "Above 1, words that occurred become less likely",
  },
  {
    ...{ key: "top_k", label: "Top-k", min: 0, max: 1_000_000, step: 1, slider: false },
    help: "Only this many words; 0: all",
  },
  {
    ...{
      key: "max_tokens",
      label: "Maximum tokens",
      min: 1,
      max: 1_000_000,
      step: 1,
      slider: false,
    },
    help: "Where an answer is cut off",
  },
  {
    ...{ key: "seed", label: "Seed", min: 0, max: 2 ** 32 - 1, step: 1, slider: false },
    help: "The same seed gives the same answer",
  },
];

const SYSTEM_LIMIT = 100_000;

/**
 * The settings among values of unknown origin; whatever is no setting is left out.
 * @param {unknown} value
 * @returns {Settings}
 */
export function settingsFrom(value) {
  if (typeof value !== "object" || value === null) return {};
  const given = /** @type {Record<string, unknown>} */ (value);
  /** @type {Settings} */
  const settings = {};
  if (typeof given["system"] === "string" && given["system"].trim() !== "") {
    settings.system = given["system"].slice(0, SYSTEM_LIMIT);
  }
  for (const control of CONTROLS) {
    const number = given[control.key];
    if (typeof number === "number" && isAllowed(control, number)) settings[control.key] = number;
  }
  return settings;
}

/** @param {Control} control @param {number} value */
export function isAllowed({ min, max, step }, value) {
  return value >= min && value <= max && (step < 1 || Number.isInteger(value));
}
