import type { Page } from "playwright-core";

/** What reaches beyond the right edge of the window, apart from what may be scrolled sideways. */
export function overflow(page: Page): Promise<unknown> {
  return page.evaluate(`(() => {
    const wide = [...document.body.querySelectorAll("*")].filter((one) => {
      if (one.closest(".wide, pre, .sidebar, .hidden, .skip, [hidden]")) return false;
      return one.getBoundingClientRect().right > innerWidth + 0.5;
    });
    const page = document.documentElement.scrollWidth > innerWidth ? ["the page itself"] : [];
    return [...page, ...wide.map((one) => one.tagName + "." + one.getAttribute("class"))];
  })()`);
}

/** Visible texts whose contrast is below 4.5 to 1 (large ones: 3 to 1), as WCAG 2.2 AA has it. */
export function contrasts(page: Page): Promise<unknown> {
  return page.evaluate(`(() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b]
      .map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
      .reduce((sum, one, i) => sum + one * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
      for (let one = element; one; one = one.parentElement) {
        const color = channels(getComputedStyle(one).backgroundColor);
        if (color.length === 3 || color[3] === 1) return color;
      }
      return [255, 255, 255];
    };
    const texts = [...document.body.querySelectorAll("*")].filter((one) => {
      const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      const dialog = document.querySelector("dialog[open]");
      const shown = one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
      return own && shown && !one.closest(".hidden, .skip, [inert]") && (!dialog || dialog.contains(one));
    });
    return texts.flatMap((one) => {
      const style = getComputedStyle(one);
      const [text, behind] = [channels(one.closest("svg") ? style.fill : style.color), ground(one)].map(luminance);
      const ratio = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
      const large = parseFloat(style.fontSize) >= 24;
      return ratio < (large ? 3 : 4.5) ? [one.textContent.slice(0, 30) + ": " + ratio.toFixed(2)] : [];
    });
  })()`);
}
