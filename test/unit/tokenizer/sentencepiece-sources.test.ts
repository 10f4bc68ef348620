import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../../../src/errors.ts";
import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import { NO_PREFIX, pieces, split } from "./pieces.ts";
import { metadataOf } from "./support.ts";
import { convertedMetadata, witnessed } from "./witnessed.ts";

describe("tokenizer.json", () => {
  const { tokenizer: json } = witnessed("llama2");
  const build = (changes: Record<string, unknown>, model: Record<string, unknown> = {}) =>
    tokenizerFromJson({ tokenizer: { ...json, ...changes, model: { ...json.model, ...model } } });
  const metaspace = (scheme: string, more = {}) => ({
    normalizer: null,
    pre_tokenizer: {
      type: "Metaspace",
      replacement: "▁",
      prepend_scheme: scheme,
      split: false,
      ...more,
    },
  });

  test("Metaspace puts a space only where there is none", () => {
    for (const [scheme, first, second] of [
      ["always", " the", " the"],
      ["first", " the", "the"],
      ["never", "the", "the"],
    ] as const) {
      const tokenizer = build(metaspace(scheme));
      expect(split(tokenizer, "the<s>the", true)).toEqual([first, "<s>", second]);
      expect(split(tokenizer, " the", true)).toEqual([" the"]);
    }
    const first = build(metaspace("first"));
    expect([...first.encode("the", { special: false, continues: true })]).toEqual([
      first.tokenId("the"),
    ]);
  });

  test("Metaspace that splits lets no token reach over a space", () => {
    expect(split(build(metaspace("never", { split: true })), "a   a")).toEqual([
      "a",
      " ",
      " ",
      " a",
    ]);
    expect(split(build(metaspace("never")), "a   a")).toEqual(["a", "  ", " a"]);
  });

  test("unknown characters are fused, across pieces, too", () => {
    const vocab = Object.fromEntries(
      Object.entries(json.model.vocab).filter(([token]) => !token.startsWith("<0x")),
    );
    const own = build(metaspace("never"), { vocab });
    expect(split(own, "\ue001\ue002 \ue003\ue004")).toEqual(["<unk>", " ", "<unk>"]);
    expect(split(build(metaspace("never"), { vocab, fuse_unk: false }), "\ue001\ue002")).toEqual([
      "<unk>",
      "<unk>",
    ]);
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ["a normalizer", { normalizer: { type: "NFKC" } }, {}, 'normalizer "NFKC"'],
    ["no normalizer", { normalizer: null }, {}, "normalizer none"],
    ["a pre-tokenizer", { pre_tokenizer: { type: "Whitespace" } }, {}, '"Whitespace"'],
    ["a decoder", { decoder: { type: "WordPiece" } }, {}, 'decoder "WordPiece"'],
    ["no decoder", { decoder: null }, {}, "decoder none"],
    ["ignored merges", {}, { ignore_merges: true }, "ignore_merges"],
    ["a prefix of subwords", {}, { continuing_subword_prefix: "##" }, "continuing_subword_prefix"],
    ["another prepend scheme", metaspace("sometimes"), {}, '"Metaspace"'],
  ])("%s that we lack is refused by name", (_, changes, model, message) => {
    expect(() => build(changes, model)).toThrow(UnsupportedError);
    expect(() => build(changes, model)).toThrow(message);
  });
});

describe("GGUF files that leave things out", () => {
  const scores = { t: -9, h: -9, e: -9, th: -1, the: -2, he: -3 };

  test("scores that say nothing: ids stand in for them, with a note", () => {
    const tokenizer = pieces(scores, {
      ...NO_PREFIX,
      "tokenizer.ggml.scores": new Float32Array(259 + 6).fill(-1000),
    });
    expect(tokenizer.notes[0]).toContain("tokens with lower ids are merged first");
    expect(split(tokenizer, "thehe")).toEqual(["the", "he"]);
    const merges = pieces(scores, {
      ...NO_PREFIX,
      "tokenizer.ggml.scores": new Float32Array(259 + 6),
      "tokenizer.ggml.merges": ["h e", "t h"],
    });
    expect(merges.notes[0]).toContain("the merges are used");
    expect(split(merges, "the")).toEqual(["t", "he"]);
  });

  test("special ids and BOS have llama.cpp's defaults", () => {
    expect(pieces(scores)).toMatchObject({ bos: 1, eos: 2, addBos: true, addEos: false });
    expect(pieces(scores).stopTokens).toEqual(new Set([2]));
  });

  test("a pre-tokenizer that was asked for is not used, and that is said", () => {
    const metadata = convertedMetadata(witnessed("llama2").tokenizer, 32000).metadata;
    expect(tokenizerFromMetadata(metadata, { pre: "qwen2" }).notes).toEqual([
      "the vocabulary has no pre-tokenizer: 'qwen2' is not used",
    ]);
  });

  test("user-defined tokens may be written with spaces, as llama.cpp's converter has them", () => {
    const { metadata } = convertedMetadata(witnessed("gemma").tokenizer, 262144);
    const tokens = metadata.get("tokenizer.ggml.tokens")?.value as string[];
    const types = metadata.get("tokenizer.ggml.token_type")?.value as number[];
    const spaced = tokens.map((token, id) =>
      types[id] === 4 ? token.replaceAll("\u2581", " ") : token,
    );
    const changed = metadataOf({ "tokenizer.ggml.tokens": spaced });
    const tokenizer = tokenizerFromMetadata(new Map([...metadata, ...changed]));
    for (const { text, ids } of witnessed("gemma").cases) {
      if (text.includes("\u2581")) continue;
      expect([...tokenizer.encode(text, { special: true })], text).toEqual(ids);
    }
  });
});
