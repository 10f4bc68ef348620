import { byId } from "./dom.js";

/** Where the sidebar has no room of its own. */
const NARROW = matchMedia("(max-width: 56rem)");

/** The sidebar of narrow windows, which lies over the page while it is open. */
export function startDrawer() {
  const [sidebar, button, scrim] = [byId("sidebar"), byId("open-sidebar"), byId("scrim")];
  const show = (/** @type {boolean} */ open) => {
    sidebar.classList.toggle("open", open);
    scrim.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    // What lies behind the drawer, or outside the window, is out of reach of Tab.
    sidebar.inert = NARROW.matches && !open;
    byId("talk").inert = open;
  };
  const isOpen = () => sidebar.classList.contains("open");
  const close = () => {
    if (!isOpen()) return false;
    show(false);
    button.focus();
    return true;
  };
  button.addEventListener("click", () => {
    if (close()) return;
    show(true);
    byId("new-chat").focus();
  });
  scrim.addEventListener("click", close);
  NARROW.addEventListener("change", () => show(false));
  show(false);
  return { close };
}
