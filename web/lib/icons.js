import { svg } from "./dom.js";

/** Strokes on a square of 20 by 20. */
const PATHS = {
  plus: "M10 4v12M4 10h12",
  send: "M10 16V4.5M5 9l5-5 5 5",
  stop: "M6 6h8v8H6z",
  copy: "M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  again: "M15.5 8.5A6 6 0 1 0 16 11M16 4.5v4h-4",
  edit: "M4 16l.8-3.4L13.2 4.2l2.6 2.6-8.4 8.4L4 16zM11.6 5.8l2.6 2.6",
  trash: "M4.5 6h11M8 6V4h4v2M6 6l.7 10h6.6L14 6M8.7 9v4.5M11.3 9v4.5",
  download: "M10 3.5v9M6.5 9.5L10 13l3.5-3.5M4 16.5h12",
  upload: "M10 13V4M6.5 7L10 3.5 13.5 7M4 16.5h12",
  sun: "M10 6.8a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4zM10 2v1.6M10 16.4V18M2 10h1.6M16.4 10H18M4.3 4.3l1.2 1.2M14.5 14.5l1.2 1.2M4.3 15.7l1.2-1.2M14.5 5.5l1.2-1.2",
  moon: "M15.8 11.8A6.3 6.3 0 0 1 8.2 4.2a6.3 6.3 0 1 0 7.6 7.6z",
  contrast:
    "M10 3.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM10 3.5v13M10 6l4.7-.6M10 9l6.4-.6M10 12l6.2.2M10 15l3.8.2",
  menu: "M3.5 6h13M3.5 10h13M3.5 14h13",
  sliders:
    "M3.5 6.5h7M14.5 6.5h2M3.5 13.5h2M9.5 13.5h7M12.5 4.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4zM7.5 11.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  close: "M5 5l10 10M15 5L5 15",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  down: "M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5",
  key: "M7 9.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM9.5 10.5l6-6M13 7l2 2",
  warning: "M10 3.5l7 12.5H3zM10 8.5v3.5M10 14v.2",
};

/**
 * A picture that says nothing by itself: its button has the words.
 * @param {keyof typeof PATHS} name
 */
export function icon(name) {
  const attributes = {
    class: "icon",
    viewBox: "0 0 20 20",
    "aria-hidden": "true",
    focusable: "false",
  };
  return svg("svg", attributes, svg("path", { d: PATHS[name] }));
}
