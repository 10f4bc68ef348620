import { describe, expect, test } from "vitest";
import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import type { Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { arraysOf, metadataOf } from "./support.ts";
import { convertedMetadata, witnessed } from "./witnessed.ts";

function fromCheckpoint(name: string): Tokenizer {
  return tokenizerFromJson({ tokenizer: witnessed(name).tokenizer });
}

/** As `bitnet convert` writes it. */
function converted(name: string): Tokenizer {
  const { tokenizer, vocab_size } = witnessed(name);
  const { metadata, notes } = convertedMetadata(tokenizer, vocab_size);
  expect(notes.join()).not.toContain("stored whole");
  return tokenizerFromMetadata(metadata);
}

/** As files have it that were made from Llama's tokenizer.model. */
function published(): Tokenizer {
  const { tokenizer, vocab_size, scores } = witnessed("llama2");
  const { metadata } = convertedMetadata(tokenizer, vocab_size);
  const own = Float32Array.from({ length: vocab_size }, (_, id) => scores?.[id] ?? 0);
  return tokenizerFromMetadata(
    new Map([...metadata, ...metadataOf({ "tokenizer.ggml.scores": own })]),
  );
}

/** Falcon3's arrays under either name. */
function falcon(pre: string): Tokenizer {
  const names = { "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre };
  return tokenizerFromMetadata(
    metadataOf({ ...names, ...arraysOf(witnessed("falcon3").tokenizer) }),
  );
}

const SOURCES: readonly [string, string, () => Tokenizer][] = [
  ["llama2", "tokenizer.json", () => fromCheckpoint("llama2")],
  ["llama2", "its conversion", () => converted("llama2")],
  ["llama2", "arrays with Llama's own scores", published],
  ["gemma", "tokenizer.json", () => fromCheckpoint("gemma")],
  ["gemma", "its conversion", () => converted("gemma")],
  ["qwen", "tokenizer.json", () => fromCheckpoint("qwen")],
  ["qwen", "its conversion", () => converted("qwen")],
  ["falcon3", "tokenizer.json", () => fromCheckpoint("falcon3")],
  ["falcon3", "its conversion", () => converted("falcon3")],
  ["falcon3", "arrays named falcon3", () => falcon("falcon3")],
  ["falcon3", "arrays named falcon_e", () => falcon("falcon_e")],
];

describe.each(SOURCES)("%s from %s", (name, _source, build) => {
  const { cases } = witnessed(name);

  test("gives the ids and the text that other programs give", () => {
    const tokenizer = build();
    expect(tokenizer.pre).not.toBe("custom");
    expect(cases.length).toBe(265);
    for (const { text, ids, ids_plain, decoded = [text, text] } of cases) {
      expect([...tokenizer.encode(text, { special: true })], text).toEqual(ids);
      expect([...tokenizer.encode(text, { special: false })], text).toEqual(ids_plain);
      expect(tokenizer.decode(ids, { special: true })).toBe(decoded[0]);
      expect(tokenizer.decode(ids_plain)).toBe(decoded[1]);
    }
  });
});

test("every spelling of Falcon3's split is recognised, with the same ids", () => {
  const { tokenizer, pre_tokenizers = [], cases } = witnessed("falcon3");
  expect(pre_tokenizers.length).toBe(5);
  for (const pre_tokenizer of pre_tokenizers) {
    const own = tokenizerFromJson({ tokenizer: { ...tokenizer, pre_tokenizer } });
    expect(own.pre).toBe("falcon3");
    for (const { text, ids } of cases) {
      expect([...own.encode(text, { special: true })], text).toEqual(ids);
    }
  }
});
