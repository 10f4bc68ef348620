import { describe, expect, test } from "vitest";
import { readGguf } from "../../../src/gguf/reader.ts";
import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import type { Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { goldenPath, readGoldenJson } from "../../support/golden.ts";
import { arraysOf, goldenMetadata, goldenTokenizer, llama3Json, metadataOf } from "./support.ts";

interface Golden {
  readonly cases: readonly { text: string; ids: number[]; ids_plain: number[] }[];
}

const LLAMA3_META = { "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe" };

const SOURCES: readonly [string, string, () => Tokenizer | Promise<Tokenizer>][] = [
  ["tiny-llama", "tokenizer.json", () => goldenTokenizer("a-packed")],
  ["tiny-llama", "GGUF arrays", () => tokenizerFromMetadata(goldenMetadata("a-packed"))],
  [
    "tiny-llama",
    "GGUF file",
    async () => tokenizerFromMetadata((await readGguf(goldenPath("gguf/a.i2_s.gguf"))).metadata),
  ],
  ["tiny-qwen", "tokenizer.json", () => goldenTokenizer("d")],
  ["tiny-qwen", "GGUF arrays", () => tokenizerFromMetadata(goldenMetadata("d"))],
  ["llama3", "tokenizer.json", async () => tokenizerFromJson({ tokenizer: await llama3Json() })],
  [
    "llama3",
    "GGUF arrays",
    async () =>
      tokenizerFromMetadata(metadataOf({ ...LLAMA3_META, ...arraysOf(await llama3Json()) })),
  ],
];

describe.each(SOURCES)("%s from %s", (name, _source, build) => {
  const { cases } = readGoldenJson<Golden>(`tokenizer/${name}.json`);

  test("gives the golden ids of every string", { timeout: 20_000 }, async () => {
    const tokenizer = await build();
    expect(cases.length).toBe(65);
    for (const { text, ids, ids_plain } of cases) {
      expect([...tokenizer.encode(text, { special: true })], text).toEqual(ids);
      expect([...tokenizer.encode(text, { special: false })], text).toEqual(ids_plain);
      expect(tokenizer.decode(ids, { special: true })).toBe(text);
      expect(tokenizer.decode(ids_plain)).toBe(text);
    }
  });
});
