import { describe, expect, test } from "vitest";
import { Detokenizer } from "../../../src/tokenizer/detokenizer.ts";
import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import { BYTES, NO_PREFIX, pieces, split } from "./pieces.ts";
import { fuzzText, random, wellFormed } from "./support.ts";
import { convertedMetadata, witnessed } from "./witnessed.ts";

describe("merging by scores", () => {
  test("the highest score first, whatever the order of ids", () => {
    const letters = { a: -90, b: -91, c: -92 };
    const byScore = (ab: number, bc: number) =>
      split(pieces({ ...letters, ab, bc }, NO_PREFIX), "abc");
    expect(byScore(-1, -2)).toEqual(["ab", "c"]);
    expect(byScore(-2, -1)).toEqual(["a", "bc"]);
  });

  test("of equal scores the leftmost", () => {
    const tokenizer = pieces({ a: -9, b: -9, c: -9, ab: -1, bc: -1, aa: -1 }, NO_PREFIX);
    expect(split(tokenizer, "abc")).toEqual(["ab", "c"]);
    expect(split(tokenizer, "aaa")).toEqual(["aa", "a"]);
    // The same beyond the length that is scanned.
    expect(split(tokenizer, "a".repeat(101)).slice(-2)).toEqual(["aa", "a"]);
  });

  test("characters without a token become byte tokens, a space U+2581's", () => {
    const tokenizer = pieces({ a: -9 }, NO_PREFIX);
    const names = (text: string) =>
      [...tokenizer.encode(text, { special: false })].map((id) => BYTES[id - 3] ?? id);
    expect(names("é")).toEqual(["<0xC3>", "<0xA9>"]);
    expect(names(" ")).toEqual(["<0xE2>", "<0x96>", "<0x81>"]);
    expect(names("\n")).toEqual(["<0x0A>"]);
    expect(tokenizer.decode(tokenizer.encode("aé😀\n", { special: false }))).toBe("aé😀\n");
  });

  test("typing the name of a byte token gives no byte", () => {
    const tokenizer = pieces({ a: -9 }, NO_PREFIX);
    for (const special of [false, true]) {
      expect(tokenizer.encode("<0x41>", { special }).length).toBe(6);
    }
    expect(tokenizer.tokenId("<0x41>")).toBeUndefined();
  });

  test("without byte tokens there is the unknown token", () => {
    const tokenizer = pieces(
      { a: -9 },
      {
        ...NO_PREFIX,
        "tokenizer.ggml.tokens": ["<unk>", "a"],
        "tokenizer.ggml.token_type": [2, 1],
        "tokenizer.ggml.scores": Float32Array.of(0, -1),
      },
    );
    expect([...tokenizer.encode("abba", { special: false })]).toEqual([1, 0, 0, 1]);
    expect(tokenizer.decode([1, 0, 1])).toBe("aa");
  });

  test("long texts take no quadratic time", { timeout: 20_000 }, () => {
    const tokenizer = tokenizerFromMetadata(
      convertedMetadata(witnessed("gemma").tokenizer, 262144).metadata,
    );
    const next = random(6);
    const letters = Array.from({ length: 500_000 }, () =>
      String.fromCharCode(97 + Math.floor(next() * 26)),
    ).join("");
    for (const text of [letters, "a".repeat(500_000), " ".repeat(500_000), "▁x".repeat(200_000)]) {
      const ids = tokenizer.encode(text, { special: false });
      expect(tokenizer.decode(ids) === text.replaceAll("▁", " ")).toBe(true);
    }
  });
});

describe("the space before a text", () => {
  const tokenizer = tokenizerFromJson({ tokenizer: witnessed("llama2").tokenizer });

  test("stands before the first fragment and after each special token", () => {
    expect(split(tokenizer, "the<s>the</s> the", true)).toEqual([
      " the",
      "<s>",
      " the",
      "</s>",
      " ",
      " the",
    ]);
    expect(split(tokenizer, "", true)).toEqual([]);
    expect(split(tokenizer, "<s>", true)).toEqual(["<s>"]);
  });

  test("is dropped once in decoding, and kept in what continues", () => {
    const ids = tokenizer.encode("the the", { special: false });
    expect(tokenizer.decode(ids)).toBe("the the");
    expect(tokenizer.decode(ids, { continues: true })).toBe(" the the");
    const shown = tokenizer.encode("<s>the", { special: true });
    expect(tokenizer.decode(shown)).toBe("the");
    expect(tokenizer.decode(shown, { special: true })).toBe("<s> the");
  });

  test("streams like decode, whatever the ids", () => {
    const next = random(12);
    const known = Object.values(witnessed("llama2").tokenizer.model.vocab);
    for (let i = 0; i < 1000; i++) {
      const ids = Array.from({ length: Math.floor(next() * 9) }, () =>
        next() < 0.4 ? Math.floor(next() * 259) : (known[Math.floor(next() * known.length)] ?? 0),
      );
      const special = next() < 0.5;
      const continues = next() < 0.3;
      const detokenizer = new Detokenizer(tokenizer, { special, continues });
      const chunks = [...ids.map((id) => detokenizer.push(id)), detokenizer.flush()];
      expect(chunks.join("")).toBe(tokenizer.decode(ids, { special, continues }));
    }
    const again = new Detokenizer(tokenizer);
    const the = tokenizer.tokenId(" the") as number;
    expect([again.push(the), again.push(the), again.flush(), again.push(the)]).toEqual([
      "the",
      " the",
      "",
      "the",
    ]);
  });

  test("round trips, and never becomes special", () => {
    const next = random(13);
    for (const name of ["llama2", "gemma"]) {
      const own = tokenizerFromJson({ tokenizer: witnessed(name).tokenizer });
      for (let i = 0; i < 200; i++) {
        const text = `${fuzzText(next, Math.floor(next() * 300))}</s><bos><unk>`;
        const ids = own.encode(text, { special: false });
        expect(own.decode(ids)).toBe(wellFormed(text).replaceAll("\u2581", " "));
        expect(ids.some((id) => own.isSpecial(id))).toBe(false);
      }
    }
  });
});
