import { isTable, tableAt } from "./tables.js";

/** @import { Align } from "./tables.js" */
/**
 * @typedef {{ blocks: Block[], checked?: boolean }} Item
 * @typedef {{ type: "paragraph", text: string }
 *   | { type: "heading", level: number, text: string }
 *   | { type: "code", language: string, text: string }
 *   | { type: "quote", blocks: Block[] }
 *   | { type: "list", start: number | undefined, items: Item[] }
 *   | { type: "table", align: Align[], header: string[], rows: string[][] }
 *   | { type: "rule" }} Block
 * @typedef {{ block: Block, next: number }} Found
 */

/** Deeper quotations and lists are shown as plain text. */
const MAX_DEPTH = 12;
const FENCE = /^ {0,3}(`{3,}|~{3,}) *([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6}) +(.*?)(?: +#+)? *$/;
const RULE = /^ {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|(\d{1,9})[.)])( {1,4}|$)(.*)$/;
const CHECK = /^\[([ xX])\] +/;
/** An item's further lines have at least this much in front; models seldom count more exactly. */
const MIN_INDENT = 2;

/**
 * Markdown, as far as language models write it.
 * @param {string} text
 * @returns {Block[]}
 */
export function parseBlocks(text) {
  return parseLines(linesOf(text)).map(({ block }) => block);
}

/**
 * The same with each block's source, by which a reader can tell what has changed.
 * @param {string} text
 * @returns {{ block: Block, source: string }[]}
 */
export function parseSources(text) {
  const lines = linesOf(text);
  return parseLines(lines).map(({ block, from, next }) => ({
    block,
    source: lines.slice(from, next).join("\n"),
  }));
}

/** @param {string} text */
function linesOf(text) {
  return text.replace(/\r\n?/g, "\n").split("\n");
}

/** @param {readonly string[]} lines */
function parseLines(lines, depth = 0) {
  /** @type {(Found & { from: number })[]} */
  const found = [];
  for (let from = 0; from < lines.length; ) {
    if (lines[from]?.trim() === "") {
      from += 1;
      continue;
    }
    const one = blockAt(lines, from, depth) ?? paragraphAt(lines, from);
    found.push({ ...one, from });
    from = one.next;
  }
  return found;
}

/** @param {readonly string[]} lines @param {number} from @param {number} depth @returns {Found | undefined} */
function blockAt(lines, from, depth) {
  const line = lines[from] ?? "";
  if (FENCE.test(line)) return codeAt(lines, from);
  const heading = HEADING.exec(line);
  if (heading) {
    const block = /** @type {const} */ ({
      type: "heading",
      level: heading[1]?.length ?? 1,
      text: heading[2] ?? "",
    });
    return { block, next: from + 1 };
  }
  if (RULE.test(line)) return { block: { type: "rule" }, next: from + 1 };
  if (isTable(lines, from)) return tableAt(lines, from);
  if (depth >= MAX_DEPTH) return undefined;
  if (QUOTE.test(line)) return quoteAt(lines, from, depth);
  return ITEM.test(line) ? listAt(lines, from, depth) : undefined;
}

/** @param {readonly string[]} lines @param {number} from @returns {Found} */
function paragraphAt(lines, from) {
  let next = from + 1;
  while (next < lines.length && lines[next]?.trim() !== "" && !interrupts(lines, next)) next += 1;
  const text = lines.slice(from, next).map((line) => line.trim());
  return { block: { type: "paragraph", text: text.join("\n") }, next };
}

/** Whether a line ends the paragraph above it. @param {readonly string[]} lines @param {number} at */
function interrupts(lines, at) {
  const line = lines[at] ?? "";
  const begins = [FENCE, HEADING, RULE, QUOTE].some((pattern) => pattern.test(line));
  return begins || (ITEM.test(line) && line.trim().length > 1) || isTable(lines, at);
}

/** A fence that is still open ends with the text. @param {readonly string[]} lines @param {number} from @returns {Found} */
function codeAt(lines, from) {
  const [, fence = "```", language = ""] = FENCE.exec(lines[from] ?? "") ?? [];
  const indent = (lines[from] ?? "").search(/\S/);
  const closing = new RegExp(`^ {0,3}${fence[0]}{${fence.length},} *$`);
  let next = from + 1;
  while (next < lines.length && !closing.test(lines[next] ?? "")) next += 1;
  const text = lines.slice(from + 1, next).map((line) => outdent(line, indent));
  const name = /^[\w+#.-]+/.exec(language.trim())?.[0] ?? "";
  return { block: { type: "code", language: name, text: text.join("\n") }, next: next + 1 };
}

/** @param {readonly string[]} lines @param {number} from @param {number} depth @returns {Found} */
function quoteAt(lines, from, depth) {
  let next = from;
  while (QUOTE.test(lines[next] ?? "")) next += 1;
  const inner = lines.slice(from, next).map((line) => line.replace(QUOTE, ""));
  const blocks = parseLines(inner, depth + 1).map(({ block }) => block);
  return { block: { type: "quote", blocks }, next };
}

/** @param {readonly string[]} lines @param {number} from @param {number} depth @returns {Found} */
function listAt(lines, from, depth) {
  const first = /** @type {RegExpExecArray} */ (ITEM.exec(lines[from] ?? ""));
  /** @type {Item[]} */
  const items = [];
  let next = from;
  for (;;) {
    const item = ITEM.exec(lines[next] ?? "");
    if (!item || kindOf(item) !== kindOf(first) || RULE.test(lines[next] ?? "")) break;
    const end = endOfItem(lines, next);
    items.push(itemOf(item, lines.slice(next + 1, end), depth));
    next = end;
    // Blank lines between items do not end the list.
    let after = next;
    while (lines[after]?.trim() === "") after += 1;
    if (ITEM.test(lines[after] ?? "")) next = after;
  }
  return {
    block: { type: "list", start: first[3] === undefined ? undefined : Number(first[3]), items },
    next,
  };
}

/** Lists that alternate their marks are different lists. @param {RegExpExecArray} item */
function kindOf(item) {
  return item[3] === undefined ? item[2] : "number";
}

/** @param {readonly string[]} lines @param {number} from */
function endOfItem(lines, from) {
  let end = from + 1;
  for (let at = end; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.trim() === "") continue;
    const belongs = line.search(/\S/) >= MIN_INDENT || (at === end && !interrupts(lines, at));
    if (!belongs) break;
    end = at + 1;
  }
  return end;
}

/** @param {RegExpExecArray} item @param {readonly string[]} further @param {number} depth @returns {Item} */
function itemOf(item, further, depth) {
  const [, before = "", mark = "", , gap = "", rest = ""] = item;
  const indent = before.length + mark.length + Math.max(1, gap.length);
  const check = CHECK.exec(rest);
  const lines = [
    check ? rest.slice(check[0].length) : rest,
    ...further.map((line) => outdent(line, indent)),
  ];
  const blocks = parseLines(lines, depth + 1).map(({ block }) => block);
  return check ? { blocks, checked: check[1] !== " " } : { blocks };
}

/** @param {string} line @param {number} columns */
function outdent(line, columns) {
  const spaces = line.search(/\S|$/);
  return line.slice(Math.min(spaces, columns));
}
