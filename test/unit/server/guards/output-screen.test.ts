import { expect, it } from "vitest";
import { MAX_HELD_CHARS, OutputScreen } from "../../../../src/server/guards/output-screen.ts";
import { PatternSet } from "../../../../src/server/guards/patterns/pattern-set.ts";
import { seededRandom } from "../../../support/random.ts";

/** All that gets through before the end or the refusal. */
function send(patterns: string, pieces: readonly string[]) {
  const found: string[] = [];
  const screen = new OutputScreen<{ text: string }>(PatternSet.read(patterns, "out"), (place) =>
    found.push(place),
  );
  const sent: string[] = [];
  let error: unknown;
  try {
    for (const text of pieces) sent.push(...screen.push({ text }).map((piece) => piece.text));
    sent.push(...screen.end().map((piece) => piece.text));
  } catch (thrown) {
    error = thrown;
  }
  return { sent, found, error };
}

it("lets pieces through at once where nothing can begin", () => {
  const screen = new OutputScreen<{ text: string }>(PatternSet.read("secret", "out"));
  const a = { text: "hello " };
  expect(screen.push(a)).toEqual([a]);
  expect(screen.push({ text: "se" })).toEqual([]);
  expect(screen.push({ text: "cr" })).toEqual([]);
  const released = screen.push({ text: "ow" }).map(({ text }) => text);
  expect(released).toEqual(["se", "cr", "ow"]);
  expect(screen.push({ text: "" })).toHaveLength(1);
});

it("sends nothing of a match, however it is cut, and nothing that follows", () => {
  const next = seededRandom(5);
  for (let round = 0; round < 500; round++) {
    const text = `before ${"x".repeat(next(5))} the secret word after`;
    const pieces: string[] = [];
    for (let at = 0; at < text.length; ) {
      const size = 1 + next(6);
      pieces.push(text.slice(at, at + size));
      at += size;
    }
    const { sent, error, found } = send("# words\nsecret\\s+word", pieces);
    expect(error).toMatchObject({ kind: "RESPONSE_FILTERED", status: 400 });
    expect(String((error as Error).message)).not.toContain("secret");
    expect(found).toEqual(["out:2"]);
    expect(text.startsWith(sent.join(""))).toBe(true);
    expect(sent.join("").length).toBeLessThanOrEqual(text.indexOf("secret"));
  }
});

it("gives all of an answer without a match, in order, with what comes beside the text", () => {
  const pieces = ["se", "", "cret", "ly \u{1f600}", " secre"].map((text, id) => ({ text, id }));
  const screen = new OutputScreen<{ text: string; id: number }>(
    PatternSet.read("\\bsecret\\b", "out"),
  );
  const sent = [...pieces.flatMap((piece) => screen.push(piece)), ...screen.end()];
  expect(sent).toEqual(pieces);
});

it("finds a match that only the end of the answer makes one", () => {
  expect(send("\\bcat\\b", ["a ", "cat"]).error).toMatchObject({ kind: "RESPONSE_FILTERED" });
  expect(send("\\bcat\\b", ["a ", "cat", "s"]).error).toBeUndefined();
});

it("holds back a bounded text; a longer match still ends the answer", () => {
  const screen = new OutputScreen<{ text: string }>(PatternSet.read("<[^>]*>", "out"));
  expect(screen.push({ text: "<" })).toEqual([]);
  let held = 1;
  for (let i = 0; i < 5 * MAX_HELD_CHARS; i++) held += 1 - screen.push({ text: "x" }).length;
  expect(held).toBeLessThanOrEqual(MAX_HELD_CHARS + 1);
  expect(() => screen.push({ text: ">" })).toThrow("this server does not give");
});
