import { describe, expect, test } from "vitest";
import { ModelFormatError } from "../../../src/errors.ts";
import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import { metadataOf } from "./support.ts";

const TOKENS = "tokenizer.ggml.tokens";
const TYPES = "tokenizer.ggml.token_type";

describe("SentencePiece arrays", () => {
  const pieces = (changes: Parameters<typeof metadataOf>[0]) =>
    tokenizerFromMetadata(
      metadataOf({
        "tokenizer.ggml.model": "llama",
        [TOKENS]: ["<unk>", "<s>", "</s>", "a", "b", "ab"],
        [TYPES]: [2, 3, 3, 1, 1, 1],
        "tokenizer.ggml.scores": Float32Array.of(0, 0, 0, -3, -4, -1),
        ...changes,
      }),
    );

  test.each<[string, Parameters<typeof metadataOf>[0], string]>([
    ["too few scores", { "tokenizer.ggml.scores": Float32Array.of(0, 1, 2, 3, 4) }, "but 5 scores"],
    [
      "a score that is no number",
      { "tokenizer.ggml.scores": Float32Array.of(0, 0, 0, Number.NaN, -4, -1) },
      "token 3 has score NaN",
    ],
    ["scores of a wrong type", { "tokenizer.ggml.scores": [1, 2] }, "expected an array of floats"],
    ["equal tokens", { [TOKENS]: ["<unk>", "<s>", "</s>", "a", "b", "a"] }, "tokens 3 and 5"],
    ["a prefix flag of a wrong type", { "tokenizer.ggml.add_space_prefix": "x" }, "a bool"],
    ["an unknown id out of range", { "tokenizer.ggml.unknown_token_id": 99 }, "token id 99"],
  ])("%s", (_, changes, expected) => {
    expect(() => pieces(changes)).toThrow(ModelFormatError);
    expect(() => pieces(changes)).toThrow(expected);
  });

  test("special tokens are never merged, whatever their scores", () => {
    const tokenizer = pieces({
      [TOKENS]: ["<unk>", "<s>", "ab", "a", "b", "\u2581"],
      "tokenizer.ggml.scores": Float32Array.of(0, 0, 9, -3, -4, -1),
    });
    expect([...tokenizer.encode("ab", { special: false })]).toEqual([5, 3, 4]);
    expect([...tokenizer.encode("ab", { special: true })]).toEqual([2]);
  });

  test("long tokens take no more time than their length", { timeout: 10_000 }, () => {
    const runs = Array.from({ length: 2000 }, (_, i) => "a".repeat(i + 1));
    const tokenizer = pieces({
      [TOKENS]: ["<unk>", ...runs],
      [TYPES]: [2, ...runs.map(() => 1)],
      "tokenizer.ggml.scores": Float32Array.from({ length: 2001 }, (_, i) => i),
      "tokenizer.ggml.add_space_prefix": false,
    });
    expect(tokenizer.encode("a".repeat(20_000), { special: false })).toHaveLength(10);
  });
});
