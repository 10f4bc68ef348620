import { expect, it } from "vitest";
import type { GenerationChunk } from "../../../../src/engine/generation.ts";
import { MAX_HELD_CHARS, OutputScreen } from "../../../../src/server/guards/output-screen.ts";
import { PatternSet } from "../../../../src/server/guards/patterns/pattern-set.ts";
import { seededRandom } from "../../../support/random.ts";

const chunk = (text: string, id = 0): GenerationChunk => ({ text, tokenIds: [id] });
const textOf = (chunks: readonly GenerationChunk[]) => chunks.map(({ text }) => text).join("");

/** All that gets through, and what ended it. */
function send(patterns: string, pieces: readonly string[]) {
  const found: string[] = [];
  const screen = new OutputScreen(PatternSet.read(patterns, "out"), (place) => found.push(place));
  let sent = "";
  try {
    for (const text of pieces) {
      sent += textOf(screen.push(chunk(text)));
      screen.check();
    }
    sent += textOf(screen.end());
    screen.check();
  } catch (error) {
    return { sent, found, error };
  }
  return { sent, found, error: undefined };
}

/** Cut into random pieces of whole characters. */
function cut(text: string, next: (below: number) => number): readonly string[] {
  const characters = [...text];
  const pieces: string[] = [];
  while (characters.length > 0) pieces.push(characters.splice(0, 1 + next(9)).join(""));
  return pieces;
}

it("lets text through at once where nothing can begin, and holds back no more than must be", () => {
  const screen = new OutputScreen(PatternSet.read("secret", "out"));
  const hello = chunk("hello ");
  expect(screen.push(hello)).toEqual([hello]);
  expect(textOf(screen.push(chunk("a se")))).toBe("a ");
  expect(screen.push(chunk("cr"))).toEqual([]);
  expect(textOf(screen.push(chunk("ow")))).toBe("secrow");
  expect(screen.push(chunk(""))).toEqual([chunk("")]);
});

it("sends all that stands before a match, nothing of it and nothing after it, however it is cut", () => {
  const next = seededRandom(5);
  for (let round = 0; round < 500; round++) {
    const before = `before ${"\u{1f600} ".repeat(next(5))}the secre `;
    const pieces = cut(`${before}secret   word after it`, next);
    const { sent, error, found } = send("# words\nsecret\\s+word", pieces);
    expect(error).toMatchObject({ kind: "RESPONSE_FILTERED", status: 400 });
    expect(String((error as Error).message)).not.toContain("secret");
    expect(found).toEqual(["out:2"]);
    expect(sent).toBe(before);
  }
});

it("gives all of an answer without a match, in order, with its tokens", () => {
  const next = seededRandom(6);
  for (let round = 0; round < 200; round++) {
    const screen = new OutputScreen(PatternSet.read("\\bsecret\\b\nb{3}x", "out"));
    const chunks = cut("secretly \u{1f600} bbb a secre bb", next).map(chunk);
    const sent = [...chunks.flatMap((piece) => screen.push(piece)), ...screen.end()];
    screen.check();
    expect(textOf(sent)).toBe(textOf(chunks));
    expect(sent.flatMap(({ tokenIds }) => tokenIds)).toEqual(chunks.map((_, i) => i));
  }
});

it("no token is told before the text that it stands for", () => {
  const screen = new OutputScreen(PatternSet.read("secret", "out"));
  const tokens = [{ id: 7, text: "a secret", logprob: -1, top: [] }];
  const released = screen.push({ text: "a secre", tokenIds: [7], tokens });
  expect(released).toEqual([{ text: "a ", tokenIds: [] }]);
});

it("finds a match that only the end of the answer makes one", () => {
  expect(send("\\bcat\\b", ["a ", "cat"])).toMatchObject({
    sent: "a ",
    error: { kind: "RESPONSE_FILTERED" },
  });
  expect(send("\\bcat\\b", ["a ", "cat", "s"])).toMatchObject({ sent: "a cats" });
});

it("holds back a bounded text; a longer match still ends the answer", () => {
  const screen = new OutputScreen(PatternSet.read("<[^>]*>", "out"));
  let held = 0;
  for (const text of ["<", ...Array.from({ length: 5 * MAX_HELD_CHARS }, () => "x")]) {
    held += text.length - textOf(screen.push(chunk(text))).length;
  }
  expect(held).toBe(MAX_HELD_CHARS);
  expect(screen.push(chunk(">"))).toHaveLength(1);
  expect(() => screen.check()).toThrow("this server does not give");
});
