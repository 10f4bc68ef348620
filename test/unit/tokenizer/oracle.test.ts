import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { describe, expect, test } from "vitest";
import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import { PRE_TOKENIZERS } from "../../../src/tokenizer/pre-tokenizers.ts";
import {
  arraysOf,
  fuzzText,
  goldenFiles,
  llama3Json,
  metadataOf,
  random,
  type TokenizerJson,
  wellFormed,
} from "./support.ts";
import { convertedMetadata, witnessed } from "./witnessed.ts";

// Our tokenizer against @huggingface/tokenizers on the same vocabulary. More text, as was done when
// it was written (docs/adr): BITNET_FUZZ_CHARS=3000000 npx vitest run test/unit/tokenizer/oracle
const CHARS = Number(process.env["BITNET_FUZZ_CHARS"] ?? 60_000);

function withPre(json: TokenizerJson, patterns: readonly string[], ignoreMerges: boolean) {
  const splits = patterns.map((Regex) => ({
    type: "Split",
    pattern: { Regex },
    behavior: "Isolated",
    invert: false,
  }));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
  return {
    ...json,
    model: { ...json.model, ignore_merges: ignoreMerges },
    pre_tokenizer: { type: "Sequence", pretokenizers: [...splits, byteLevel] },
    post_processor: null,
  };
}

function compare(json: TokenizerJson, rows: typeof PRE_TOKENIZERS, seed: number): void {
  for (const { name, patterns, ignoreMerges = false } of rows) {
    const library = new LibraryTokenizer(withPre(json, patterns, ignoreMerges), {});
    const values = { "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": name };
    const own = tokenizerFromMetadata(metadataOf({ ...values, ...arraysOf(json) }));
    const next = random(seed);
    for (let done = 0; done < CHARS; ) {
      const text = fuzzText(next, 20 + Math.floor(next() * 2000));
      done += text.length;
      const theirs = library.encode(text, { add_special_tokens: false }).ids;
      const ours = own.encode(text, { special: true });
      // One comparison of strings: toEqual on thousands of arrays takes most of the time.
      if (ours.join() !== theirs.join()) {
        expect({ name, text, ids: [...ours] }).toEqual({ name, text, ids: theirs });
      }
    }
  }
}

/** A tokenizer.json against ours from it and from its conversion, on text without special tokens. */
function compareWitnessed(name: string, seed: number): void {
  const { tokenizer, vocab_size } = witnessed(name);
  const added_tokens = tokenizer.added_tokens.filter(({ special }) => !special);
  const json = { ...tokenizer, added_tokens, post_processor: null };
  const library = new LibraryTokenizer(json, {});
  const own = [
    tokenizerFromJson({ tokenizer: json }),
    tokenizerFromMetadata(convertedMetadata(json, vocab_size).metadata),
  ];
  const next = random(seed);
  for (let done = 0; done < CHARS; ) {
    const text = fuzzText(next, 20 + Math.floor(next() * 500));
    done += text.length;
    const theirs = library.encode(wellFormed(text), { add_special_tokens: false }).ids;
    for (const ours of own.map((one) => one.encode(text, { special: false }))) {
      if (ours.join() !== theirs.join()) {
        expect({ name, text, ids: [...ours] }).toEqual({ name, text, ids: theirs });
      }
    }
  }
}

describe("the same ids as the library", () => {
  test("on a tiny vocabulary, for every pre-tokenizer", { timeout: 600_000 }, () => {
    compare(goldenFiles("a-packed").tokenizer, PRE_TOKENIZERS, 3);
  });

  test.each(["llama2", "gemma", "qwen"])(
    "on what the tests have of %s, and converted",
    { timeout: 600_000 },
    (name) => {
      compareWitnessed(name, 14);
    },
  );

  test("on Llama 3's, with and without ignored merges", { timeout: 600_000 }, async () => {
    // The library takes most of a second to build on it.
    const rows = PRE_TOKENIZERS.filter(({ name }) => ["llama-bpe", "qwen2"].includes(name));
    compare(await llama3Json(), rows, 4);
  });
});
