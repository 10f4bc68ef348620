import { describe, expect, test } from "vitest";
import { Detokenizer } from "../../../src/tokenizer/detokenizer.ts";
import { encodePrompt } from "../../../src/tokenizer/tokenizer.ts";
import { fuzzText, goldenTokenizer, random, wellFormed } from "./support.ts";

const tokenizer = goldenTokenizer("a-packed");

describe("encode and decode", () => {
  test("round trip, with special tokens and without", () => {
    const next = random(1);
    for (let i = 0; i < 300; i++) {
      const text = fuzzText(next, Math.floor(next() * 400));
      const plain = tokenizer.encode(text, { special: false });
      expect(tokenizer.decode(plain)).toBe(wellFormed(text));
      expect(plain.some((id) => tokenizer.isSpecial(id))).toBe(false);
      const special = tokenizer.encode(text, { special: true });
      expect(tokenizer.decode(special, { special: true })).toBe(wellFormed(text));
    }
  });

  test("special tokens are hidden unless asked for", () => {
    const ids = tokenizer.encode("<|begin_of_text|>Hi<|eot_id|>", { special: true });
    expect([ids[0], ids.at(-1)]).toEqual([496, 505]);
    expect(tokenizer.decode(ids)).toBe("Hi");
    expect(tokenizer.decode(ids, { special: true })).toBe("<|begin_of_text|>Hi<|eot_id|>");
    expect(tokenizer.pieceBytes(505)).toHaveLength(0);
    expect(Buffer.from(tokenizer.pieceBytes(505, { special: true })).toString()).toBe("<|eot_id|>");
  });

  test("ids outside the vocabulary give nothing", () => {
    expect(tokenizer.decode([-1, 512, 1e9, 39])).toBe("H");
    expect(tokenizer.isSpecial(512)).toBe(false);
  });

  test("a byte order mark is text", () => {
    const ids = tokenizer.encode("\ufeffHi", { special: false });
    expect(tokenizer.decode(ids)).toBe("\ufeffHi");
  });

  test("tokens are found by their text", () => {
    expect(tokenizer.tokenId("<|eot_id|>")).toBe(505);
    expect(tokenizer.tokenId(" ")).toBe(220);
    expect(tokenizer.tokenId("no such token")).toBeUndefined();
    expect(tokenizer.tokenId("")).toBeUndefined();
  });

  test("prompts get one BOS", () => {
    const plain = [...tokenizer.encode("Hi", { special: false })];
    expect([...encodePrompt(tokenizer, "Hi", { special: false })]).toEqual([496, ...plain]);
    const typed = encodePrompt(tokenizer, "<|begin_of_text|>Hi", { special: true });
    expect([...typed]).toEqual([496, ...plain]);
    expect([...encodePrompt(tokenizer, "", { special: false })]).toEqual([496]);
    const ending = { ...wrap(), addBos: false, addEos: true };
    expect([...encodePrompt(ending, "Hi", { special: false })]).toEqual([...plain, 497]);
  });
});

/** The golden tokenizer as a plain object, so that fields can be replaced. */
function wrap() {
  return {
    vocabSize: tokenizer.vocabSize,
    bos: tokenizer.bos,
    eos: tokenizer.eos,
    addBos: tokenizer.addBos,
    addEos: tokenizer.addEos,
    stopTokens: tokenizer.stopTokens,
    specialTokens: tokenizer.specialTokens,
    chatTemplate: tokenizer.chatTemplate,
    pre: tokenizer.pre,
    dropsLeadingSpace: tokenizer.dropsLeadingSpace,
    notes: tokenizer.notes,
    encode: tokenizer.encode.bind(tokenizer),
    decode: tokenizer.decode.bind(tokenizer),
    pieceBytes: tokenizer.pieceBytes.bind(tokenizer),
    tokenId: tokenizer.tokenId.bind(tokenizer),
    isSpecial: tokenizer.isSpecial.bind(tokenizer),
    splitSpecial: tokenizer.splitSpecial.bind(tokenizer),
  };
}

describe("Detokenizer", () => {
  function stream(ids: Iterable<number>, special: boolean): string[] {
    const detokenizer = new Detokenizer(tokenizer, { special });
    return [...Array.from(ids, (id) => detokenizer.push(id)), detokenizer.flush()];
  }

  test("its outputs together are the decoded whole, for any ids", () => {
    const next = random(2);
    for (let i = 0; i < 2000; i++) {
      const length = Math.floor(next() * 12);
      // Ids from 94 on are single bytes above 0x7F here: most sequences are invalid UTF-8.
      const ids = Array.from({ length }, () =>
        next() < 0.8 ? 94 + Math.floor(next() * 162) : Math.floor(next() * 520),
      );
      const special = next() < 0.5;
      expect(stream(ids, special).join("")).toBe(tokenizer.decode(ids, { special }));
    }
  });

  test("valid text comes without half characters", () => {
    const text = "Grüße 😀 日本 e\u0301";
    const chunks = stream(tokenizer.encode(text, { special: false }), false);
    expect(chunks.join("")).toBe(text);
    for (const chunk of chunks) {
      expect(wellFormed(chunk)).toBe(chunk);
      expect(chunk).not.toContain("\ufffd");
    }
  });

  test("an unfinished character is replaced at the end", () => {
    const [first] = tokenizer.encode("😀", { special: false });
    const detokenizer = new Detokenizer(tokenizer);
    expect(detokenizer.push(first as number)).toBe("");
    expect(detokenizer.flush()).toBe("\ufffd");
    expect(detokenizer.push(39)).toBe("H");
  });
});
