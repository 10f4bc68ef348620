import { h } from "../lib/dom.js";

const WORDS =
  "abstract and as async await bool boolean break case catch char class const continue def default del do done double elif else end enum except export extends extern False false fi final finally float fn for from func function global go if impl import in include int interface is lambda let long match mod module move mut new nil None not null or package pass private protected pub public raise ref return self static string struct super switch then this throw trait True true try type typedef typeof undefined union unsigned use using var virtual void when where while with yield";
const KEYWORDS = new Set(WORDS.split(" "));
/** In these, `#` begins a comment; in the others it does not. */
const HASH_COMMENTS =
  /^(py|python|sh|bash|zsh|shell|console|rb|ruby|yaml|yml|toml|ini|make|makefile|dockerfile|perl|r|cmake|)$/i;
/** Names without anything to colour. */
const PLAIN = /^(text|txt|plain|plaintext|output|log|md|markdown)$/i;
const DASH_COMMENTS = /^(sql|lua|haskell|hs)$/i;
/** Longer code stays plain: colouring it would cost more than it shows. */
const MAX_LENGTH = 40_000;

/**
 * Code with its comments, strings, numbers and keywords marked; the same rough rules for every
 * language.
 * @param {string} text
 * @param {string} language
 * @returns {Node[]}
 */
export function highlight(text, language) {
  if (text.length > MAX_LENGTH || PLAIN.test(language)) return [document.createTextNode(text)];
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(patternFor(language))) {
    const kind = kindOf(found);
    if (!kind) continue;
    nodes.push(document.createTextNode(text.slice(from, found.index)));
    nodes.push(h("span", { class: kind }, found[0]));
    from = found.index + found[0].length;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

/** @param {string} language */
function patternFor(language) {
  const line = HASH_COMMENTS.test(language) ? "#" : DASH_COMMENTS.test(language) ? "--" : "//";
  const comment = `(?<comment>(?:^|(?<=\\s))${line}.*|/\\*[\\s\\S]*?(?:\\*/|$))`;
  const string = `(?<string>"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*'|\`(?:[^\`\\\\]|\\\\.)*\`)`;
  const number = "(?<number>\\b(?:0x[\\da-fA-F]+|\\d[\\d_]*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)\\b)";
  const name = "(?<called>\\b[A-Za-z_]\\w*(?=\\())|(?<word>\\b[A-Za-z_]\\w*\\b)";
  return new RegExp([comment, string, number, name].join("|"), "gm");
}

/** @param {RegExpMatchArray} found */
function kindOf({ groups = {}, 0: text }) {
  if (groups["comment"]) return "t-comment";
  if (groups["string"]) return "t-string";
  if (groups["number"]) return "t-number";
  if (KEYWORDS.has(text)) return "t-word";
  return groups["called"] ? "t-call" : undefined;
}
