import { byId } from "./dom.js";
import { icon } from "./icons.js";
import { preference, setPreference } from "./preferences.js";

const CHOICES = /** @type {const} */ ([
  { theme: "", picture: "contrast", name: "as the system" },
  { theme: "light", picture: "sun", name: "light" },
  { theme: "dark", picture: "moon", name: "dark" },
]);

/** The switch of the colours: as the system, light, dark. */
export function startTheme() {
  const button = byId("theme");
  let at = Math.max(
    0,
    CHOICES.findIndex(({ theme }) => theme === preference("theme")),
  );
  const show = () => {
    const { theme, picture, name } = CHOICES[at] ?? CHOICES[0];
    if (theme === "") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    button.querySelector("svg")?.replaceWith(icon(picture));
    button.title = `Colours: ${name}`;
    const words = button.querySelector("span");
    if (words) words.textContent = button.title;
  };
  button.addEventListener("click", () => {
    at = (at + 1) % CHOICES.length;
    setPreference("theme", CHOICES[at]?.theme ?? "");
    show();
  });
  show();
}
