import { describe, expect, it } from "vitest";
import { PatternSet } from "../../../../src/server/guards/patterns/pattern-set.ts";
import { seededRandom } from "../../../support/random.ts";

const NAME = "words.txt";
const read = (...lines: readonly string[]) => PatternSet.read(lines.join("\n"), NAME);

describe("a pattern means what it means to JavaScript", () => {
  const ATOMS = ["a", "b", "[ab]", "[^a]", ".", "\\w", "\\s", "\\b", "^", "$", "\\B", "c", "B"];
  const QUANTIFIERS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{2,}", "*?", "+?"];
  const TEXT = ["a", "b", "c", "A", " ", "\n", "\u00fc", "\u{1f600}", "\u017f", "_"];

  function randomPattern(next: (below: number) => number, depth: number): string {
    const pick = (list: readonly string[]) => list[next(list.length)] ?? "";
    const item = (): string => {
      if (depth > 0 && next(3) === 0) {
        const open = pick(["(", "(?:", `(?<n${depth}${next(1e6)}>`]);
        return `${open}${randomPattern(next, depth - 1)})${pick(QUANTIFIERS)}`;
      }
      const atom = pick(ATOMS);
      return /^(\\[bB]|\^|\$)$/.test(atom) ? atom : atom + pick(QUANTIFIERS);
    };
    const sequence = Array.from({ length: 1 + next(3) }, item).join("");
    return next(4) === 0 ? `${sequence}|${randomPattern(next, 0)}` : sequence;
  }

  it("in 3,000 random patterns and texts, cut anywhere", () => {
    const next = seededRandom(7);
    let matches = 0;
    let compared = 0;
    for (let round = 0; round < 3000; round++) {
      const source = randomPattern(next, 2);
      const minds = next(2) === 0;
      const theirs = new RegExp(source, minds ? "um" : "ium");
      if (theirs.test("") || theirs.test("\n") || theirs.test("a\n") || theirs.test("\u00e9 - "))
        continue; // mostly those that match the empty text, which are refused
      let set: PatternSet;
      try {
        set = read(minds ? `(?-i)${source}` : source);
      } catch (error) {
        expect(String(error)).toMatch(/empty text/);
        continue;
      }
      for (let i = 0; i < 8; i++) {
        const characters = Array.from({ length: next(12) }, () => TEXT[next(TEXT.length)] ?? "");
        const text = characters.join("");
        const expected = theirs.test(text);
        compared += 1;
        if (expected) matches += 1;
        expect({ source, minds, text, found: set.find(text) !== undefined }).toEqual({
          source,
          minds,
          text,
          found: expected,
        });
        const matcher = set.matcher();
        for (const character of characters) matcher.push(character);
        expect(matcher.end().found !== undefined).toBe(expected);
      }
    }
    expect(compared).toBeGreaterThan(3000);
    expect(matches).toBeGreaterThan(500);
  });

  it.each([
    ["\\p{Lu}\\p{Lu}", "xAB", "xaB1"], // case is not minded: any two letters
    ["gr[ae]y|\\u{1f600}", "GREY", "grow"],
    ["\\ud83d\\ude00", "\u{1f600}", "\ud83d"],
    ["stra\u00dfe", "STRA\u1e9eE", "strasse"],
    ["\\d{3}-\\d{4}", "call 555-0199 now", "555-019"],
    ["[^\\]\\w]x", "-x", "ax"],
    ["a{3,5}b", "aaab", "aab"],
    ["\\x41\\cJ", "a\n", "a "],
  ])("%s finds %j and not %j", (source, yes, no) => {
    const set = read(source);
    if (source !== "\\p{Lu}\\p{Lu}") expect(set.find(no)).toBeUndefined();
    expect(set.find(yes)).toBe(`${NAME}:1`);
  });
});

describe("text that a match could still begin in", () => {
  /** Every match of a pattern without assertions, by trying all stretches. */
  function stretches(source: string, text: string): readonly (readonly [number, number])[] {
    const whole = new RegExp(`^(?:${source})$`, "isu");
    const found: [number, number][] = [];
    for (let from = 0; from < text.length; from++) {
      for (let to = from + 1; to <= text.length; to++) {
        if (whole.test(text.slice(from, to))) found.push([from, to]);
      }
    }
    return found;
  }

  it("is known exactly: nothing of the first match is ever let go", () => {
    const next = seededRandom(11);
    const sources = ["abc", "a+b", "ab|ba+c", "(ab)+c", "a.{0,3}c", "b[ab]{2,4}c", "c(a|bb)*b"];
    let seen = 0;
    for (let round = 0; round < 1500; round++) {
      const source = sources[next(sources.length)] ?? "";
      const text = Array.from({ length: 12 }, () => "abc"[next(3)]).join("");
      const all = stretches(source, text);
      const firstEnd = Math.min(...all.map(([, to]) => to));
      const firstBegin = Math.min(...all.filter(([, to]) => to === firstEnd).map(([from]) => from));
      const matcher = read(source).matcher();
      let open = 0;
      for (const [i, character] of [...text].entries()) {
        const state = matcher.push(character);
        if (i + 1 < firstEnd) {
          expect(state.found).toBeUndefined();
          expect(state.open).toBeGreaterThanOrEqual(open);
          open = state.open;
          continue;
        }
        expect(state.found).toBe(0);
        expect(open).toBeLessThanOrEqual(firstBegin);
        seen += 1;
        break;
      }
    }
    expect(seen).toBeGreaterThan(700);
  });

  it("is nothing as soon as no match can go on", () => {
    const matcher = read("secret", "\\bkey: \\d+").matcher();
    expect(matcher.push("a sec").open).toBe(2);
    expect(matcher.push("ond ").open).toBe(9);
    expect(matcher.push("key: ").open).toBe(9);
    expect(matcher.push("no").open).toBe(16);
    expect(matcher.push(" key: 1").found).toBe(1);
  });

  it("a match that needs to know what follows is found with the next character, or at the end", () => {
    const set = read("\\bcat\\b");
    const longer = set.matcher();
    expect(longer.push("a cat")).toEqual({ found: undefined, open: 2 });
    expect(longer.push("s").found).toBeUndefined();
    const whole = set.matcher();
    whole.push("a cat");
    expect(whole.end().found).toBe(0);
  });
});

describe("no pattern makes it slow", () => {
  it("such as those that take a backtracking matcher for ever", () => {
    const set = read("(a+)+$x", "(a|a)*b(a|a)*c", "(x+x+)+y", "(.*)(.*)(.*)(.*)(.*)=z");
    const matcher = set.matcher();
    expect(matcher.push(`${"a".repeat(50_000)}${"x".repeat(50_000)}`).found).toBeUndefined();
    expect(matcher.end().found).toBeUndefined();
    expect(set.find(`${"x".repeat(50_000)}y`)).toBe("words.txt:3");
  });

  it("such as a long list of words", () => {
    const words = Array.from({ length: 1000 }, (_, i) => `\\bword${i}x\\b`);
    const set = read(...words);
    expect(set.size).toBe(1000);
    expect(set.find("some words word12 and word13 ".repeat(500))).toBeUndefined();
    expect(set.find(`${"nothing here ".repeat(2000)}word999x.`)).toBe("words.txt:1000");
  });
});

describe("a file", () => {
  it("has comments, empty lines and lines that mind the case", () => {
    const set = PatternSet.read("\ufeff# list\r\n\r\nfoo\r\n(?-i)Bar\r\n", NAME);
    expect(set.size).toBe(2);
    expect(set.find("a FOO")).toBe("words.txt:3");
    expect(set.find("a bar")).toBeUndefined();
    expect(set.find("a Bar")).toBe("words.txt:4");
  });

  it.each([
    ["(?=a)b", /words\.txt:2: looking ahead or behind/],
    ["(?<!a)b", /looking ahead or behind/],
    ["(a)\\1", /reference back/],
    ["(?<n>a)\\k<n>", /reference back/],
    ["a*", /empty text/],
    ["^$", /empty text/],
    ["(a|)", /empty text/],
    ["a{3000}", /more than 2000 states/],
    ["((a{40}){40}){40}", /more than 2000 states/],
    ["(a", /words\.txt:2: Invalid regular expression/],
    ["a{2,1}", /Invalid regular expression/],
    ["\\j", /Invalid regular expression/],
  ])("is refused for %s, with the line", (source, message) => {
    expect(() => read("# first", source)).toThrow(message);
  });

  it("without a pattern is refused, since it would protect nothing", () => {
    expect(() => read("# nothing", "")).toThrow(/holds no pattern/);
  });

  it("has a bound for all its patterns together", () => {
    const lines = Array.from({ length: 40 }, () => "a{1500}");
    expect(() => read(...lines)).toThrow(
      /words\.txt:\d+: the patterns have more than 50000 states/,
    );
  });
});
