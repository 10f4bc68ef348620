/**
 * @typedef {string
 *   | { type: "strong" | "em" | "strike", children: Inline[] }
 *   | { type: "code", text: string }
 *   | { type: "link", href: string, children: Inline[] }
 *   | { type: "break" }} Inline
 * @typedef {{ node: Inline, end: number }} Found
 */

/** Deeper marks are shown as they are. */
const MAX_DEPTH = 12;

// All sticky: they look at one place and nowhere else.
const PLAIN = /[^\\`*_~[!<\nh]+/iy;
const ESCAPE = /\\([!-/:-@[-`{-~])/y;
const TICKS = /`+/y;
const LINK =
  /!?\[((?:[^[\]\\\n]|\\.)*)\]\(<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?: "[^"\n]*")?\)/y;
const ADDRESS = /<?(https?:\/\/[^\s<>"'`]+)>?/iy;
const MARKS = /** @type {const} */ ([
  ["**", "strong"],
  ["__", "strong"],
  ["~~", "strike"],
  ["*", "em"],
  ["_", "em"],
]);

/**
 * Marks within a line or a paragraph. One that has no partner stays as it is.
 * @param {string} text
 * @returns {Inline[]}
 */
export function parseInline(text, depth = 0) {
  /** @type {Inline[]} */
  const nodes = [];
  /** Marks without a partner in the rest: later ones have none either. @type {Set<string>} */
  const lonely = new Set();
  for (let at = 0; at < text.length; ) {
    const found = findAt(text, at, depth, lonely);
    const last = nodes.length - 1;
    if (typeof found.node === "string" && typeof nodes[last] === "string")
      nodes[last] += found.node;
    else nodes.push(found.node);
    at = found.end;
  }
  return nodes;
}

/** @param {string} text @param {number} at @param {number} depth @param {Set<string>} lonely @returns {Found} */
function findAt(text, at, depth, lonely) {
  const plain = match(PLAIN, text, at);
  if (plain) return { node: plain[0], end: at + plain[0].length };
  if (text[at] === "\n") return { node: { type: "break" }, end: at + 1 };
  const escaped = match(ESCAPE, text, at);
  if (escaped) return { node: escaped[1] ?? "", end: at + 2 };
  const found =
    codeAt(text, at, lonely) ?? linkAt(text, at, depth) ?? markAt(text, at, depth, lonely);
  return found ?? { node: text.charAt(at), end: at + 1 };
}

/** @param {string} text @param {number} at @param {Set<string>} lonely @returns {Found | undefined} */
function codeAt(text, at, lonely) {
  const ticks = match(TICKS, text, at)?.[0];
  if (!ticks) return undefined;
  let end = lonely.has(ticks) ? -1 : text.indexOf(ticks, at + ticks.length);
  // A longer run of ticks is no partner.
  while (end >= 0 && text[end + ticks.length] === "`") {
    while (text[end] === "`") end += 1;
    end = text.indexOf(ticks, end);
  }
  if (end < 0) {
    lonely.add(ticks);
    return { node: ticks, end: at + ticks.length };
  }
  const inner = text.slice(at + ticks.length, end).replaceAll("\n", " ");
  const trimmed = /^ .*[^ ].* $/.test(inner) || /^ [^ ] $/.test(inner) ? inner.slice(1, -1) : inner;
  return { node: { type: "code", text: trimmed }, end: end + ticks.length };
}

/** @param {string} text @param {number} at @param {number} depth @returns {Found | undefined} */
function linkAt(text, at, depth) {
  const link = match(LINK, text, at);
  if (link) {
    const [whole, label = "", target = ""] = link;
    const href = safeHref(target);
    // Pictures become links: the page asks no other host for anything.
    if (href)
      return {
        node: linkTo(href, parseInline(label || target, depth + 1)),
        end: at + whole.length,
      };
  }
  if (/\w/.test(text[at - 1] ?? "")) return undefined;
  const bare = match(ADDRESS, text, at);
  if (!bare) return undefined;
  const address = /** @type {string} */ (bare[1]);
  const shown = bare[0].startsWith("<") ? address : address.replace(/[.,;:!?*_~)\]]+$/, "");
  const href = safeHref(shown);
  if (!href) return undefined;
  const end = bare[0].startsWith("<") ? at + bare[0].length : at + shown.length;
  return { node: linkTo(href, [shown]), end };
}

/** @param {string} href @param {Inline[]} children @returns {Inline} */
function linkTo(href, children) {
  return { type: "link", href, children };
}

/**
 * The address, if it is one that may be opened from the page.
 * @param {string} target
 */
export function safeHref(target) {
  if (!/^(https?:|mailto:)/i.test(target)) return undefined;
  return URL.canParse(target) ? target : undefined;
}

/** @param {string} text @param {number} at @param {number} depth @param {Set<string>} lonely @returns {Found | undefined} */
function markAt(text, at, depth, lonely) {
  const [mark, type] = MARKS.find(([one]) => text.startsWith(one, at)) ?? [];
  if (!mark || !type || depth >= MAX_DEPTH) return undefined;
  const begin = at + mark.length;
  const opens = /\S/.test(text[begin] ?? "") && !(mark[0] === "_" && /\w/.test(text[at - 1] ?? ""));
  const end = opens && !lonely.has(mark) ? closingMark(text, begin, mark) : -1;
  if (end < 0) {
    if (opens) lonely.add(mark);
    return { node: mark, end: begin };
  }
  const children = parseInline(text.slice(begin, end), depth + 1);
  return { node: { type, children }, end: end + mark.length };
}

/** @param {string} text @param {number} begin @param {string} mark */
function closingMark(text, begin, mark) {
  let end = text.indexOf(mark, begin + 1);
  while (end >= 0 && !isCloser(text, end, mark)) end = text.indexOf(mark, end + 1);
  // Of three marks, the last two end what two began.
  return end >= 0 && mark.length === 2 && text[end + 2] === mark[0] ? end + 1 : end;
}

/** @param {string} text @param {number} end @param {string} mark */
function isCloser(text, end, mark) {
  const [before = "", after = ""] = [text[end - 1], text[end + mark.length]];
  if (/[\s\\]/.test(before)) return false;
  if (mark[0] === "_" && /\w/.test(after)) return false;
  // One of a pair is no partner for a single one.
  return mark.length === 2 || (before !== mark && after !== mark);
}

/** @param {RegExp} pattern @param {string} text @param {number} at */
function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
