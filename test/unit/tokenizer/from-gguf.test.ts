import { describe, expect, test } from "vitest";
import { UnsupportedError, UsageError } from "../../../src/errors.ts";
import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import { goldenFiles, goldenMetadata, goldenTokenizer, metadataOf } from "./support.ts";

const PRE = "tokenizer.ggml.pre";

function goldenArray<T>(name: string): T[] {
  const entry = goldenMetadata("a-packed").get(`tokenizer.ggml.${name}`);
  return [...((entry?.value ?? []) as T[])];
}

describe("pre-tokenizer", () => {
  test("is inferred from Llama 3's special tokens when the file names none", () => {
    const tokenizer = tokenizerFromMetadata(goldenMetadata("a-packed", { [PRE]: undefined }));
    expect(tokenizer.pre).toBe("llama-bpe");
    expect(tokenizer.addBos).toBe(true);
    expect(tokenizer.notes).toEqual([
      "tokenizer.ggml.pre is missing: 'llama-bpe' is used, because the vocabulary has " +
        "<|begin_of_text|> and <|eot_id|>",
    ]);
  });

  test("falls back to 'default' with a note", () => {
    const tokenizer = tokenizerFromMetadata(goldenMetadata("d", { [PRE]: undefined }));
    expect(tokenizer.pre).toBe("default");
    expect(tokenizer.notes[0]).toContain("'default' is used");
  });

  test("can be overridden: other ids, no note", () => {
    const metadata = goldenMetadata("a-packed", { [PRE]: undefined });
    const tokenizer = tokenizerFromMetadata(metadata, { pre: "default" });
    expect(tokenizer.notes).toEqual([]);
    const text = 'she said "The';
    const ids = (pre: string): string =>
      tokenizerFromMetadata(metadata, { pre }).encode(text, { special: false }).join();
    expect(ids("default")).not.toBe(ids("llama-bpe"));
    expect(ids("llama3")).toBe(ids("llama-bpe"));
    expect(() => ids("nonsense")).toThrow(UsageError);
  });

  test("that programs read in two ways is told by the vocabulary", () => {
    const tokens = goldenArray<string>("tokens");
    const falcon = (more: string) => {
      const metadata = goldenMetadata("a-packed", {
        [PRE]: "falcon_e",
        "tokenizer.ggml.tokens": tokens.with(510, more),
        "tokenizer.ggml.token_type": goldenArray<number>("token_type").with(510, 1),
      });
      return tokenizerFromMetadata(metadata);
    };
    const ids = (tokenizer: { encode: typeof llama.encode }) =>
      tokenizer.encode("the (THE) 123's", { special: false }).join();
    const llama = tokenizerFromMetadata(goldenMetadata("a-packed"));
    expect(falcon("\u0120(")).toMatchObject({
      pre: "falcon3",
      addBos: false,
      notes: [
        "tokenizer.ggml.pre: 'falcon3' is read as 'llama-bpe', because the vocabulary has " +
          "tokens that only this split allows",
      ],
    });
    expect(falcon("zz")).toMatchObject({ pre: "falcon3", addBos: false, notes: [] });
    expect(ids(falcon("\u0120("))).not.toBe(ids(falcon("zz")));
  });

  test("that is unknown is refused by name", () => {
    const metadata = goldenMetadata("a-packed", { [PRE]: "new-bpe" });
    expect(() => tokenizerFromMetadata(metadata)).toThrow(UnsupportedError);
    expect(() => tokenizerFromMetadata(metadata)).toThrow('pre-tokenizer "new-bpe" is not');
  });
});

describe("special tokens", () => {
  test("stop tokens: EOS, end of turn, and the caller's", () => {
    expect([...tokenizerFromMetadata(goldenMetadata("a-packed")).stopTokens]).toEqual([497, 505]);
    expect([...tokenizerFromMetadata(goldenMetadata("d")).stopTokens].sort()).toEqual([496, 498]);
    const declared = goldenMetadata("a-packed", { "tokenizer.ggml.eot_token_id": 500 });
    const { stopTokens } = tokenizerFromMetadata(declared, { stopTokens: [501] });
    expect([...stopTokens].sort()).toEqual([497, 500, 501, 505]);
  });

  test("add_bos_token and add_eos_token are obeyed", () => {
    const metadata = goldenMetadata("a-packed", {
      "tokenizer.ggml.add_bos_token": false,
      "tokenizer.ggml.add_eos_token": true,
    });
    expect(tokenizerFromMetadata(metadata)).toMatchObject({ addBos: false, addEos: true });
    const { addBos, bos } = tokenizerFromMetadata(goldenMetadata("d"));
    expect({ addBos, bos }).toEqual({ addBos: false, bos: undefined });
  });

  test("a BOS that is wanted but has no id is not added", () => {
    const metadata = goldenMetadata("d", { "tokenizer.ggml.add_bos_token": true });
    expect(tokenizerFromMetadata(metadata).addBos).toBe(false);
  });

  test("2^32 - 1 means none", () => {
    const metadata = goldenMetadata("a-packed", { "tokenizer.ggml.bos_token_id": 0xffffffff });
    expect(tokenizerFromMetadata(metadata).bos).toBeUndefined();
  });

  test("end-of-turn tokens of the wrong type are special all the same", () => {
    for (const wrong of [1, 4]) {
      const types = goldenArray<number>("token_type");
      const changed = types.map((type, id) => (id === 505 || id === 496 ? wrong : type));
      const metadata = goldenMetadata("a-packed", { "tokenizer.ggml.token_type": changed });
      const tokenizer = tokenizerFromMetadata(metadata);
      expect(tokenizer.isSpecial(505) && tokenizer.isSpecial(496)).toBe(true);
      const typed = tokenizer.encode("<|begin_of_text|><|eot_id|>", { special: false });
      expect(typed.includes(505) || typed.includes(496)).toBe(false);
      expect(tokenizer.stopTokens.has(505)).toBe(true);
    }
  });

  test("without token types the known markup is special", () => {
    const metadata = goldenMetadata("a-packed", { "tokenizer.ggml.token_type": undefined });
    const tokenizer = tokenizerFromMetadata(metadata);
    expect([...tokenizer.specialTokens.keys()].sort()).toEqual([
      "<|begin_of_text|>",
      "<|end_of_text|>",
      "<|eot_id|>",
    ]);
  });

  test("user-defined tokens are found in typed text, and shown", () => {
    const tokens = goldenArray<string>("tokens");
    const types = goldenArray<number>("token_type");
    tokens[510] = "<think>";
    types[510] = 4;
    const tokenizer = tokenizerFromMetadata(
      goldenMetadata("a-packed", {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
      }),
    );
    expect([...tokenizer.encode("<think>", { special: false })]).toEqual([510]);
    expect(tokenizer.isSpecial(510)).toBe(false);
    expect(tokenizer.decode([510])).toBe("<think>");
  });
});

describe("sources", () => {
  test("an embedded tokenizer.json is used, with the ids of the keys", () => {
    const metadata = metadataOf({
      "tokenizer.huggingface.json": JSON.stringify(goldenFiles("a-packed").tokenizer),
      "tokenizer.ggml.bos_token_id": 496,
      "tokenizer.ggml.eos_token_id": 505,
      "tokenizer.chat_template": "{{ 1 }}",
    });
    const tokenizer = tokenizerFromMetadata(metadata);
    expect(tokenizer).toMatchObject({ bos: 496, eos: 505, addBos: true, chatTemplate: "{{ 1 }}" });
    const text = "Hello <|eot_id|> 12345";
    expect(tokenizer.encode(text, { special: true })).toEqual(
      goldenTokenizer("a-packed").encode(text, { special: true }),
    );
  });

  test("a normalizer beside the arrays is applied", () => {
    const key = "tokenizer.huggingface.normalizer";
    const tokenizer = tokenizerFromMetadata(goldenMetadata("d", { [key]: "NFC" }));
    expect(tokenizer.decode(tokenizer.encode("e\u0301", { special: false }))).toBe("\u00e9");
    expect(() => tokenizerFromMetadata(goldenMetadata("d", { [key]: "Lowercase" }))).toThrow(
      UnsupportedError,
    );
  });

  test("other kinds of vocabulary are refused by name", () => {
    for (const model of ["rwkv", "bert", "constructor"]) {
      const metadata = goldenMetadata("a-packed", { "tokenizer.ggml.model": model });
      expect(() => tokenizerFromMetadata(metadata)).toThrow(UnsupportedError);
      expect(() => tokenizerFromMetadata(metadata)).toThrow(`model "${model}" is not supported`);
    }
  });
});
