/** @import { Found } from "./blocks.js" */
/** @typedef {"left" | "center" | "right" | undefined} Align */

const TABLE_RULE = /^ {0,3}\|?(?: *:?-+:? *\|)+(?: *:?-+:? *)?$/;

/** Whether a table begins here: a head, and below it a line of as many rules. @param {readonly string[]} lines @param {number} from */
export function isTable(lines, from) {
  if (!lines[from]?.includes("|") || !TABLE_RULE.test(lines[from + 1] ?? "")) return false;
  return cellsOf(lines[from] ?? "").length === cellsOf(lines[from + 1] ?? "").length;
}

/** @param {readonly string[]} lines @param {number} from @returns {Found} */
export function tableAt(lines, from) {
  const header = cellsOf(lines[from] ?? "");
  const align = cellsOf(lines[from + 1] ?? "").map(alignOf);
  /** @type {string[][]} */
  const rows = [];
  let next = from + 2;
  for (; lines[next]?.includes("|"); next += 1) {
    const cells = cellsOf(lines[next] ?? "");
    rows.push(header.map((_, i) => cells[i] ?? ""));
  }
  return { block: { type: "table", align, header, rows }, next };
}

/** @param {string} line */
function cellsOf(line) {
  const inner = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** @param {string} cell @returns {Align} */
function alignOf(cell) {
  const [left, right] = [cell.startsWith(":"), cell.endsWith(":")];
  if (right) return left ? "center" : "right";
  return left ? "left" : undefined;
}
