import { Chalk } from "chalk";
import { describe, expect, it } from "vitest";
import { MarkdownRenderer } from "../../../src/ui/markdown.ts";

const STYLE = new Chalk({ level: 1 });
/** Styles as tags, so that people can read them. */
const TAGS: ReadonlyArray<readonly [code: string, tag: string]> = [
  ["[1m", "<b>"],
  ["[22m", "</>"],
  ["[2m", "<dim>"],
  ["[3m", "<i>"],
  ["[23m", "</i>"],
  ["[4m", "<u>"],
  ["[24m", "</u>"],
  ["[36m", "<c>"],
  ["[39m", "</c>"],
];

function render(pieces: Iterable<string>, columns?: () => number): string {
  const renderer = new MarkdownRenderer(STYLE, columns);
  let shown = "";
  for (const piece of pieces) shown += renderer.push(piece);
  shown += renderer.end();
  for (const [code, tag] of TAGS) shown = shown.replaceAll(`\u001b${code}`, tag);
  // Code that came in pieces is coloured piece by piece.
  return shown.replaceAll("</c><c>", "");
}

const CASES: ReadonlyArray<readonly [markdown: string, shown: string]> = [
  ["plain text\nand more\n", "plain text\nand more\n"],
  ["a **bold** word", "a <b>bold</> word"],
  ["*one* and _two_", "<i>one</i> and <i>two</i>"],
  ["***both***", "<b><i>both</i></>"],
  ["**bold with *italics* in it**", "<b>bold with <i>italics</i> in it</>"],
  ["`code` and ``a ` b`` and `` `x` ``", "<c>code</c> and <c>a ` b</c> and <c>`x`</c>"],
  ["`**not bold**`", "<c>**not bold**</c>"],
  ["**Note:** x", "<b>Note:</> x"],
  ["2 * 3 * 4, 2*3*4, snake_case_name", "2 * 3 * 4, 2*3*4, snake_case_name"],
  ["*alone, **alone, `alone", "*alone, **alone, `alone"],
  ["a * b\n* c", "a * b\n\u2022 c"],
  ["**over\nlines**", "**over\nlines**"],
  ["\\*no\\* \\x \\", "*no* \\x \\"],
  ["# Title #\ntext", "<b><u>Title</u></>\ntext"],
  ["### A *b* c\n", "<b><u>A <i>b</i> c</u></>\n"],
  ["#hashtag", "#hashtag"],
  [
    "- one\n  - two\n* **three**\n+ four",
    "\u2022 one\n  \u2022 two\n\u2022 <b>three</>\n\u2022 four",
  ],
  ["1. one\n2) two", "1. one\n2) two"],
  ["-5 degrees\n+1", "-5 degrees\n+1"],
  ["> said\n> > twice", "<dim>\u2502 </>said\n<dim>\u2502 \u2502 </>twice"],
  ["---\n* * *\n", `<dim>${"\u2500".repeat(40)}</>\n<dim>${"\u2500".repeat(40)}</>\n`],
  [
    "```js\nlet a = 2 * 3 * b; // **x**\n\n# no\n```\nafter *it*",
    "<dim>```js</>\n<c>let a = 2 * 3 * b; // **x**</c>\n\n<c># no</c>\n<dim>```</>\nafter <i>it</i>",
  ],
  ["~~~\n```\n~~~\nx", "<dim>~~~</>\n<c>```</c>\n<dim>~~~</>\nx"],
  ["```\nnever closed", "<dim>```</>\n<c>never closed</c>"],
  ["| a | b |\n|---|---|\n", "| a | b |\n|---|---|\n"],
  ["[a link](http://x.y/a_b_c)", "[a link](http://x.y/a_b_c)"],
  ["", ""],
];

describe("Markdown on a terminal", () => {
  it.each(CASES)("%j", (markdown, shown) => {
    expect(render([markdown])).toBe(shown);
  });

  it.each(CASES)("%j is the same in single characters", (markdown, shown) => {
    expect(render(markdown)).toBe(shown);
  });

  it.each(CASES)("%j is the same in any two pieces", (markdown, shown) => {
    for (let cut = 1; cut < markdown.length; cut++) {
      expect(render([markdown.slice(0, cut), markdown.slice(cut)])).toBe(shown);
    }
  });

  it("shows words as they come, not lines", () => {
    const renderer = new MarkdownRenderer(STYLE);
    expect(renderer.push("The ")).toBe("The ");
    expect(renderer.push("sky **is")).toBe("sky ");
    expect(renderer.push("** blue")).toBe(`${STYLE.bold("is")} blue`);
    expect(renderer.push(" 2 * 3")).toBe(" 2 * 3");
  });

  it("does not wait for ever for the partner of a mark", () => {
    const renderer = new MarkdownRenderer(STYLE);
    const shown = renderer.push(`**${"word ".repeat(100)}`);
    expect(shown).toContain("**word word");
  });
});

const WIDTH = 20;
const WRAPPED: ReadonlyArray<readonly [markdown: string, shown: string]> = [
  ["one two three four five six", "one two three four\nfive six"],
  ["exactly twenty cols. and", "exactly twenty cols.\nand"],
  ["a line\nof its own", "a line\nof its own"],
  ["an **emphasis over the edge** of it", "an <b>emphasis over the\nedge</> of it"],
  ["- one two three four five\n- six", "\u2022 one two three four\n  five\n\u2022 six"],
  ["  - one two three four", "  \u2022 one two three\n    four"],
  ["10. one two three four five", "10. one two three\n    four five"],
  ["> one two three four five", "<dim>\u2502 </>one two three four\n<dim>\u2502 </>five"],
  ["see https://example.com/a/long/one now", "see\nhttps://example.com/a/long/one now"],
  [
    "```\nlet one = two + three + four;\n```",
    "<dim>```</>\n<c>let one = two + three + four;</c>\n<dim>```</>",
  ],
  ["| one | two | three | four |", "| one | two | three | four |"],
  [
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3092\u66f8\u304f\u306e\u3002",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3092\u66f8\u304f\n\u306e\u3002",
  ],
  [
    "caf\u0065\u0301 caf\u0065\u0301 caf\u0065\u0301 caf\u0065\u0301 five",
    "caf\u0065\u0301 caf\u0065\u0301 caf\u0065\u0301 caf\u0065\u0301\nfive",
  ],
  [
    "\u{1f600} \u{1f600} \u{1f600} \u{1f600} \u{1f600} \u{1f600} \u{1f600} end",
    "\u{1f600} \u{1f600} \u{1f600} \u{1f600} \u{1f600} \u{1f600} \u{1f600}\nend",
  ],
];

describe("long lines", () => {
  it.each(WRAPPED)("%j", (markdown, shown) => {
    const columns = () => WIDTH;
    expect(render([markdown], columns)).toBe(shown);
    expect(render(markdown, columns)).toBe(shown);
    for (let cut = 1; cut < markdown.length; cut++) {
      expect(render([markdown.slice(0, cut), markdown.slice(cut)], columns)).toBe(shown);
    }
  });

  it("are broken at the width of the moment", () => {
    let width = 20;
    const renderer = new MarkdownRenderer(STYLE, () => width);
    expect(renderer.push("one two three four five ")).toBe("one two three four\nfive");
    width = 40;
    expect(renderer.push("six seven eight nine ten eleven ")).toBe(
      " six seven eight nine ten eleven",
    );
  });

  it("stay whole where the width is not known, or next to nothing", () => {
    const line = "one two three four five six";
    expect(render([line], () => 0)).toBe(line);
    expect(render([line], () => 5)).toBe(line);
  });
});
