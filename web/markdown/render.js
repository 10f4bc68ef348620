import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { parseSources } from "./blocks.js";
import { highlight } from "./highlight.js";
import { parseInline } from "./inline.js";

/** @import { Block, Item } from "./blocks.js" */
/** @import { Inline } from "./inline.js" */

const COPIED_MS = 1500;

/**
 * Shows Markdown that grows. Only blocks that have changed are made anew, so that a selection or a
 * focused button above survives.
 */
export class MarkdownView {
  /** @type {string[]} */
  #sources = [];

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
  }

  /** @param {string} text */
  show(text) {
    const blocks = parseSources(text);
    let same = 0;
    while (same < blocks.length && blocks[same]?.source === this.#sources[same]) same += 1;
    if (same === blocks.length && same === this.#sources.length) return;
    while (this.root.childNodes.length > same) this.root.lastChild?.remove();
    this.root.append(...blocks.slice(same).map(({ block }) => renderBlock(block)));
    this.#sources = blocks.map(({ source }) => source);
  }
}

/** @param {Block} block @returns {Node} */
function renderBlock(block) {
  switch (block.type) {
    case "paragraph":
      return h("p", {}, ...renderInline(block.text));
    case "heading":
      return renderHeading(block.level, block.text);
    case "code":
      return renderCode(block.language, block.text);
    case "quote":
      return h("blockquote", {}, ...block.blocks.map(renderBlock));
    case "list":
      return renderList(block.start, block.items);
    case "table":
      return renderTable(block);
    case "rule":
      return h("hr");
  }
}

/** Answers lie below the headings of the page. @param {number} level @param {string} text */
function renderHeading(level, text) {
  const tag = /** @type {"h3" | "h4" | "h5" | "h6"} */ (`h${Math.min(6, level + 2)}`);
  return h(tag, {}, ...renderInline(text));
}

/** @param {number | undefined} start @param {readonly Item[]} items */
function renderList(start, items) {
  const tag = start === undefined ? "ul" : "ol";
  const first = start === undefined || start === 1 ? undefined : start;
  const list = h(tag, { start: first, class: items.some(isTask) ? "tasks" : undefined });
  // An item of one paragraph needs no room around it.
  const tight = items.every(
    ({ blocks }) => blocks.filter(({ type }) => type === "paragraph").length < 2,
  );
  list.append(...items.map((item) => renderItem(item, tight)));
  return list;
}

/** @param {Item} item */
function isTask(item) {
  return item.checked !== undefined;
}

/** @param {Item} item @param {boolean} tight */
function renderItem({ blocks, checked }, tight) {
  const box =
    checked === undefined ? undefined : h("input", { type: "checkbox", disabled: true, checked });
  const nodes = blocks.flatMap((block) => {
    return tight && block.type === "paragraph" ? renderInline(block.text) : [renderBlock(block)];
  });
  return h("li", {}, box, ...nodes);
}

/** @param {Extract<Block, { type: "table" }>} table */
function renderTable({ align, header, rows }) {
  const cell =
    (/** @type {"th" | "td"} */ tag) => (/** @type {string} */ text, /** @type {number} */ i) => {
      return h(
        tag,
        { class: align[i] && `align-${align[i]}`, scope: tag === "th" && "col" },
        ...renderInline(text),
      );
    };
  const head = h("thead", {}, h("tr", {}, ...header.map(cell("th"))));
  const body = h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell("td")))));
  return h(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": "Table" },
    h("table", {}, head, body),
  );
}

/** @param {string} language @param {string} text */
function renderCode(language, text) {
  const copy = h("button", {
    type: "button",
    class: "copy",
    onclick: () => void copyTo(copy, text),
  });
  copy.append(icon("copy"), h("span", {}, "Copy"));
  const code = h("code", {}, ...highlight(text, language));
  const bar = h("div", { class: "code-bar" }, h("span", {}, language || "text"), copy);
  const label = `Code${language ? `, ${language}` : ""}`;
  return h(
    "div",
    { class: "code" },
    bar,
    h("pre", { tabindex: 0, role: "region", "aria-label": label }, code),
  );
}

/**
 * Copies text and says so on the button.
 * @param {HTMLButtonElement} button
 * @param {string} text
 */
export async function copyTo(button, text) {
  const word = button.querySelector("span");
  const before = word?.textContent ?? "";
  const copied = await navigator.clipboard.writeText(text).then(
    () => true,
    () => copyBySelection(text),
  );
  if (word) word.textContent = copied ? "Copied" : "Press Ctrl+C";
  button.classList.toggle("done", copied);
  setTimeout(() => {
    if (word) word.textContent = before;
    button.classList.remove("done");
  }, COPIED_MS);
}

/** Browsers keep the clipboard from pages that came over plain http from another machine. @param {string} text */
function copyBySelection(text) {
  const area = h("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true" });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}

/** @param {string} text @returns {Node[]} */
function renderInline(text) {
  return parseInline(text).map(renderNode);
}

/** @param {Inline} node @returns {Node} */
function renderNode(node) {
  if (typeof node === "string") return document.createTextNode(node);
  switch (node.type) {
    case "break":
      return h("br");
    case "code":
      return h("code", {}, node.text);
    case "link": {
      const external = { href: node.href, target: "_blank", rel: "noopener noreferrer" };
      return h("a", external, ...node.children.map(renderNode));
    }
    case "strong":
      return h("strong", {}, ...node.children.map(renderNode));
    case "em":
      return h("em", {}, ...node.children.map(renderNode));
    case "strike":
      return h("s", {}, ...node.children.map(renderNode));
  }
}
