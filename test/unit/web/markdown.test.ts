import { describe, expect, it } from "vitest";
import { importPage } from "../../support/page-modules.ts";

const { parseBlocks, parseSources } = await importPage<{
  parseBlocks(text: string): readonly { type: string }[];
  parseSources(text: string): readonly { source: string }[];
}>("markdown/blocks.js");
const { parseInline, safeHref } = await importPage<{
  parseInline(text: string): readonly unknown[];
  safeHref(target: string): string | undefined;
}>("markdown/inline.js");

const paragraph = (text: string) => ({ type: "paragraph", text });

describe("parseBlocks", () => {
  it("tells headings, rules, paragraphs and code apart", () => {
    const text = "# One\nTwo\nthree\n\n---\n```js\nlet a = 1;\n\n# no heading\n```\nEnd";
    expect(parseBlocks(text)).toEqual([
      { type: "heading", level: 1, text: "One" },
      paragraph("Two\nthree"),
      { type: "rule" },
      { type: "code", language: "js", text: "let a = 1;\n\n# no heading" },
      paragraph("End"),
    ]);
  });

  it("takes code whose fence is still open", () => {
    expect(parseBlocks("```python\nprint(")).toEqual([
      { type: "code", language: "python", text: "print(" },
    ]);
    expect(parseBlocks("~~~~\n~~~\n~~~~")).toEqual([{ type: "code", language: "", text: "~~~" }]);
  });

  it("nests lists by two columns or more, and counts on", () => {
    expect(parseBlocks("3. a\n  - b\n  - c\n\n4. d\n   more")).toEqual([
      {
        type: "list",
        start: 3,
        items: [
          {
            blocks: [
              paragraph("a"),
              {
                type: "list",
                start: undefined,
                items: [{ blocks: [paragraph("b")] }, { blocks: [paragraph("c")] }],
              },
            ],
          },
          { blocks: [paragraph("d\nmore")] },
        ],
      },
    ]);
    expect(parseBlocks("- [x] done\n- [ ] open")).toMatchObject([
      { items: [{ checked: true }, { checked: false }] },
    ]);
  });

  it("reads tables and quotations", () => {
    expect(parseBlocks("| a | b \\| c |\n|:-:|--:|\n| 1 |\n\n> q\n> - r")).toEqual([
      { type: "table", align: ["center", "right"], header: ["a", "b | c"], rows: [["1", ""]] },
      {
        type: "quote",
        blocks: [
          paragraph("q"),
          { type: "list", start: undefined, items: [{ blocks: [paragraph("r")] }] },
        ],
      },
    ]);
  });

  it("gives the same sources for blocks that did not change", () => {
    const [first] = parseSources("One\n\nTwo is gro");
    expect(parseSources("One\n\nTwo is growing\n\n- x")[0]).toEqual(first);
  });

  it.each([
    "> ".repeat(20_000),
    "- ".repeat(20_000),
    `${"  ".repeat(300)}- x\n`.repeat(50),
    `${"|".repeat(20_000)}\n${"|-".repeat(20_000)}`,
  ])("survives hostile text %#", (text) => {
    expect(parseBlocks(text).length).toBeGreaterThan(0);
  });
});

describe("parseInline", () => {
  it("marks emphasis, code and breaks", () => {
    expect(parseInline("a **b *c*** `d*` ~~e~~\nf_g_h")).toEqual([
      "a ",
      { type: "strong", children: ["b ", { type: "em", children: ["c"] }] },
      " ",
      { type: "code", text: "d*" },
      " ",
      { type: "strike", children: ["e"] },
      { type: "break" },
      "f_g_h",
    ]);
  });

  it("leaves marks that have no partner", () => {
    expect(parseInline("2 * 3 ** 4, `a, [b](, **c")).toEqual(["2 * 3 ** 4, `a, [b](, **c"]);
    expect(parseInline("\\*a\\* <b>")).toEqual(["*a* <b>"]);
  });

  it("links to safe addresses alone, pictures too", () => {
    const link = (href: string, text: string) => ({ type: "link", href, children: [text] });
    expect(parseInline("[a](https://x.org/a_(b)) ![p](http://y.org/p.png)")).toEqual([
      link("https://x.org/a_(b)", "a"),
      " ",
      link("http://y.org/p.png", "p"),
    ]);
    expect(parseInline("see https://x.org/a, yes")).toEqual([
      "see ",
      link("https://x.org/a", "https://x.org/a"),
      ", yes",
    ]);
    expect(parseInline("[a](javascript:alert(1))")).toEqual(["[a](javascript:alert(1))"]);
    for (const target of [
      "javascript:x",
      "data:text/html,x",
      "//x.org",
      " vbscript:x",
      "file:///",
    ]) {
      expect(safeHref(target)).toBeUndefined();
    }
  });

  it.each(["*a ", "**a ", "_a ", "[", "`a ``", "[a](", "![", "~~a", "***", "https://", "<"])(
    "takes long runs of %s in reasonable time",
    (part) => {
      const text = part.repeat(20_000);
      const flat = JSON.stringify(parseInline(text));
      expect(flat.length).toBeGreaterThan(0);
    },
  );
});
