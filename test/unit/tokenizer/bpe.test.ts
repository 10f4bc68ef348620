import { expect, test } from "vitest";
import { BytePairEncoder } from "../../../src/tokenizer/bpe.ts";
import { IdBuffer } from "../../../src/tokenizer/id-buffer.ts";
import { LongMerger } from "../../../src/tokenizer/long-merger.ts";
import { NO_MERGE } from "../../../src/tokenizer/merge-rules.ts";
import { MergeTable } from "../../../src/tokenizer/merge-table.ts";
import { ByteSymbols } from "../../../src/tokenizer/symbols.ts";
import { TOKEN_KIND } from "../../../src/tokenizer/token-kind.ts";
import { Vocabulary } from "../../../src/tokenizer/vocabulary.ts";
import { goldenTokenizer, random } from "./support.ts";

/** A vocabulary over the letters a to d with random merges. */
function randomModel(next: () => number) {
  const texts = ["a", "b", "c", "d"];
  const merges: string[] = [];
  while (merges.length < 40) {
    const left = texts[Math.floor(next() * texts.length)] as string;
    const right = texts[Math.floor(next() * texts.length)] as string;
    const merge = `${left} ${right}`;
    if (merges.includes(merge)) continue;
    if (!texts.includes(left + right)) texts.push(left + right);
    merges.push(merge);
  }
  const kinds = new Uint8Array(texts.length).fill(TOKEN_KIND.normal);
  return { texts, merges, vocabulary: new Vocabulary(texts, kinds) };
}

function encoderOf(vocabulary: Vocabulary, merges: readonly string[], ignoreMerges: boolean) {
  const rules = new MergeTable(vocabulary, merges);
  return new BytePairEncoder(vocabulary, rules, new ByteSymbols(vocabulary), ignoreMerges);
}

/** The definition itself: merge the pair of lowest rank, leftmost first, until none is left. */
function mergeNaively(word: string, merges: readonly string[]): string[] {
  const symbols = word.split("");
  for (;;) {
    const ranks = symbols.slice(1).map((right, i) => merges.indexOf(`${symbols[i]} ${right}`));
    const known = ranks.filter((rank) => rank >= 0);
    if (known.length === 0) return symbols;
    const at = ranks.indexOf(Math.min(...known));
    symbols.splice(at, 2, `${symbols[at]}${symbols[at + 1]}`);
  }
}

test("short and long merging follow the definition", () => {
  const next = random(5);
  for (let round = 0; round < 40; round++) {
    const { texts, merges, vocabulary } = randomModel(next);
    const encoder = encoderOf(vocabulary, merges, false);
    const long = new LongMerger(new MergeTable(vocabulary, merges));
    for (let i = 0; i < 20; i++) {
      const length = 1 + Math.floor(next() * 80);
      const word = Array.from({ length }, () => "abcd"[Math.floor(next() * 4)]).join("");
      const expected = mergeNaively(word, merges);
      const whole = new IdBuffer();
      encoder.encode(Buffer.from(word), 0, length, whole);
      expect([...whole.toArray()].map((id) => texts[id])).toEqual(expected);
      const parts = new IdBuffer();
      long.encode(
        Int32Array.from(word, (letter) => texts.indexOf(letter)),
        parts,
      );
      expect([...parts.toArray()].map((id) => texts[id])).toEqual(expected);
    }
  }
});

test("a piece that is a token is taken whole only if merges give it or are ignored", () => {
  const texts = ["a", "b", "c", "ab", "abc", "bc"];
  const vocabulary = new Vocabulary(texts, new Uint8Array(6).fill(TOKEN_KIND.normal));
  const encode = (ignoreMerges: boolean): string[] => {
    const out = new IdBuffer();
    // b c comes first, and then nothing makes a bc.
    encoderOf(vocabulary, ["b c", "a b", "ab c"], ignoreMerges).encode(
      Buffer.from("abc"),
      0,
      3,
      out,
    );
    return [...out.toArray()].map((id) => texts[id] as string);
  };
  expect(encode(false)).toEqual(["a", "bc"]);
  expect(encode(true)).toEqual(["abc"]);
});

test("the last of equal merges counts", () => {
  const vocabulary = new Vocabulary(["a", "b", "ab"], new Uint8Array(3).fill(TOKEN_KIND.normal));
  const merges = new MergeTable(vocabulary, ["a b", ["a", "b"]]);
  expect(merges.rank(0, 1)).toBe(1);
  expect(merges.result(1)).toBe(2);
  expect(merges.rank(1, 0)).toBe(NO_MERGE);
});

test("runs of a million characters take no quadratic time", { timeout: 20_000 }, () => {
  const tokenizer = goldenTokenizer("a-packed");
  const next = random(6);
  const letters = Array.from({ length: 1_000_000 }, () =>
    String.fromCharCode(97 + Math.floor(next() * 26)),
  ).join("");
  for (const text of [
    letters,
    "a".repeat(1_000_000),
    "the".repeat(300_000),
    " ".repeat(1_000_000),
  ]) {
    const ids = tokenizer.encode(text, { special: false });
    expect(tokenizer.decode(ids) === text).toBe(true);
  }
});
