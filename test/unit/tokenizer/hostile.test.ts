import { describe, expect, test } from "vitest";
import { BitnetError, ModelFormatError } from "../../../src/errors.ts";
import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import { fuzzText, goldenFiles, goldenMetadata, metadataOf, random } from "./support.ts";

const TOKENS = "tokenizer.ggml.tokens";
const TYPES = "tokenizer.ggml.token_type";
const MERGES = "tokenizer.ggml.merges";
const base = goldenMetadata("a-packed");
const tokens = base.get(TOKENS)?.value as string[];
const types = base.get(TYPES)?.value as number[];
const merges = base.get(MERGES)?.value as string[];

function message(changes: Parameters<typeof goldenMetadata>[1]): string {
  try {
    tokenizerFromMetadata(goldenMetadata("a-packed", changes));
  } catch (error) {
    expect(error).toBeInstanceOf(ModelFormatError);
    return (error as Error).message;
  }
  return "no error";
}

describe("GGUF arrays", () => {
  test.each<[string, Parameters<typeof goldenMetadata>[1], string]>([
    ["no model", { "tokenizer.ggml.model": undefined }, "tokenizer.ggml.model is missing"],
    ["no tokens", { [TOKENS]: undefined }, "tokenizer.ggml.tokens is missing"],
    ["tokens of a wrong type", { [TOKENS]: "abc" }, "expected an array of strings, found string"],
    ["tokens that are numbers", { [TOKENS]: [1, 2] }, "found an array of int32"],
    ["types of a wrong type", { [TYPES]: ["a"] }, "expected an array of integers"],
    ["too few types", { [TYPES]: types.slice(1) }, "512 tokens, but 511 token types"],
    ["equal tokens", { [TOKENS]: tokens.with(7, "a") }, "tokens 7 and 64 are the same"],
    ["BOS out of range", { "tokenizer.ggml.bos_token_id": 512 }, "special token id 512, but"],
    ["EOS of a wrong type", { "tokenizer.ggml.eos_token_id": "x" }, "expected an integer"],
    ["a flag of a wrong type", { "tokenizer.ggml.add_bos_token": 1 }, "expected a bool"],
    ["a template of a wrong type", { "tokenizer.chat_template": 1 }, "expected a string"],
    [
      "a merge of unknown tokens",
      { [MERGES]: merges.with(3, "zz qq") },
      'merge 3, "zz qq", is not',
    ],
    ["a merge into none", { [MERGES]: merges.with(3, "q z") }, 'merge 3, "q z", is not'],
    ["a merge without a space", { [MERGES]: merges.with(3, "he") }, "merge 3"],
    ["an empty merge", { [MERGES]: merges.with(3, "") }, "merge 3"],
    ["a merge of three", { [MERGES]: merges.with(3, "a b c") }, "merge 3"],
    ["a merge outside the alphabet", { [MERGES]: merges.with(3, "日 本") }, "merge 3"],
    ["a byte without a token", { [TOKENS]: tokens.with(64, "aaaa"), [MERGES]: [] }, "byte 0x61"],
    ["an embedded file that is no JSON", { "tokenizer.huggingface.json": "{" }, "not JSON"],
    ["an empty vocabulary", { [TOKENS]: [], [TYPES]: [] }, "0 tokens"],
  ])("%s", (_, changes, expected) => {
    expect(message(changes)).toContain(expected);
  });

  test("empty and unused duplicates are harmless", () => {
    const changed = { [TOKENS]: tokens.with(510, "").with(511, ""), [TYPES]: types.with(510, 5) };
    const tokenizer = tokenizerFromMetadata(goldenMetadata("a-packed", changed));
    expect(tokenizer.decode([510, 511], { special: true })).toBe("");
  });

  test("unused tokens give no text", () => {
    const changed = { [TOKENS]: tokens.with(300, "[PAD300]"), [TYPES]: types.with(300, 5) };
    const tokenizer = tokenizerFromMetadata(
      goldenMetadata("a-packed", { ...changed, [MERGES]: [] }),
    );
    expect(tokenizer.decode([39, 300])).toBe("H");
    expect(tokenizer.isSpecial(300)).toBe(false);
  });

  test("merges of special tokens are left out: typing cannot make one", () => {
    const changed = {
      [TOKENS]: tokens.with(510, "<|"),
      [TYPES]: types.with(510, 3),
      [MERGES]: [...merges, "< |"],
    };
    const tokenizer = tokenizerFromMetadata(goldenMetadata("a-packed", changed));
    expect(tokenizer.encode("<|", { special: false }).includes(510)).toBe(false);
  });

  test("a hundred thousand special tokens are refused", () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `<${i}>`);
    expect(message({ [TOKENS]: many, [TYPES]: many.map(() => 3), [MERGES]: [] })).toContain(
      "100000 special tokens",
    );
  });

  test("an error shows a short, escaped excerpt", () => {
    const bad = `\u001b[31m${"x".repeat(1000)} y`;
    const shown = message({ [MERGES]: merges.with(3, bad) });
    expect(shown).not.toContain("\u001b");
    expect(shown.length).toBeLessThan(200);
  });
});

describe("tokenizer.json", () => {
  const json = goldenFiles("a-packed").tokenizer;
  const model = json.model;

  test.each<[string, unknown, string]>([
    ["not an object", 3, "expected an object, found 3"],
    ["no model", { ...json, model: null }, "expected an object"],
    ["vocab is a list", { ...json, model: { ...model, vocab: [] } }, "found an array"],
    ["an id below 0", { ...json, model: { ...model, vocab: { a: -1 } } }, "found -1"],
    ["an id that is huge", { ...json, model: { ...model, vocab: { a: 2e9 } } }, "found 2000000000"],
    ["an id that is no integer", { ...json, model: { ...model, vocab: { a: 0.5 } } }, "found 0.5"],
    [
      "an id twice",
      { ...json, model: { ...model, vocab: { ...model.vocab, zz: 7 } } },
      "same id 7",
    ],
    ["a merge of one", { ...json, model: { ...model, merges: [["a"]] } }, "merge 0 is not a pair"],
    ["merges are text", { ...json, model: { ...model, merges: "a b" } }, "expected an array"],
    ["an added token without text", { ...json, added_tokens: [{ id: 1 }] }, "expected a string"],
    ["an added token far out", { ...json, added_tokens: [{ id: 1e12, content: "<x>" }] }, "0 to"],
  ])("%s", (_, tokenizer, expected) => {
    expect(() => tokenizerFromJson({ tokenizer })).toThrow(ModelFormatError);
    expect(() => tokenizerFromJson({ tokenizer })).toThrow(expected);
  });

  test("names of object properties are ordinary tokens", () => {
    const vocab = { ...model.vocab, constructor: 600, toString: 601 };
    const files = {
      tokenizer: JSON.parse(JSON.stringify({ ...json, model: { ...model, vocab } })),
    };
    expect(tokenizerFromJson(files).tokenId("constructor")).toBe(600);
  });
});

/** A copy with some items replaced, and perhaps cut short. */
function damage<T>(next: () => number, list: readonly T[], spare: readonly T[]): T[] {
  const copy = [...list];
  for (let i = Math.floor(next() * 4); i > 0; i--) {
    const at = Math.floor(next() * copy.length);
    const other = next() < 0.5 ? list : spare;
    copy[at] = other[Math.floor(next() * other.length)] as T;
  }
  return next() < 0.1 ? copy.slice(0, Math.floor(next() * copy.length)) : copy;
}

test("random damage gives a tokenizer or a BitnetError", () => {
  const next = random(9);
  const scores = tokens.map((_, id) => -id);
  for (let i = 0; i < 400; i++) {
    const values = {
      "tokenizer.ggml.model": next() < 0.5 ? "gpt2" : "llama",
      [TOKENS]: damage(next, tokens, ["", "日", " ", "\ud800", "<|x|>", "\u2581", "<0x41>"]),
      [TYPES]: damage(next, types, [0, -1, 2, 4, 5, 6, 300]),
      [MERGES]: damage(next, merges, ["", " ", "a", "a b c", "Ġ Ġ"]),
      "tokenizer.ggml.scores": Float32Array.from(damage(next, scores, [0, 1e30, -5, 2])),
      "tokenizer.ggml.bos_token_id": Math.floor(next() * 600),
    };
    try {
      const tokenizer = tokenizerFromMetadata(metadataOf(values));
      const text = fuzzText(next, 200);
      tokenizer.decode(tokenizer.encode(text, { special: true }), { special: true });
    } catch (error) {
      if (!(error instanceof BitnetError)) throw error;
    }
  }
});
