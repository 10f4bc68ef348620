import { byId } from "./dom.js";

const VIEWS = /** @type {const} */ (["chat", "monitor"]);

/**
 * Shows the view that the address names after its `#`.
 * @param {(view: typeof VIEWS[number]) => void} shown
 */
export function startViews(shown) {
  const show = () => {
    const view = VIEWS.find((one) => location.hash === `#${one}`) ?? "chat";
    for (const one of VIEWS) {
      byId(`view-${one}`).hidden = one !== view;
      if (one === view) byId(`tab-${one}`).setAttribute("aria-current", "page");
      else byId(`tab-${one}`).removeAttribute("aria-current");
    }
    document.body.dataset["view"] = view;
    shown(view);
  };
  window.addEventListener("hashchange", show);
  show();
}
