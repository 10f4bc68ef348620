import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../../../src/errors.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import { fuzzText, goldenFiles, goldenTokenizer, random, wellFormed } from "./support.ts";
import { witnessed } from "./witnessed.ts";

const files = goldenFiles("a-packed");
const json = files.tokenizer;

function build(changes: Record<string, unknown>, model: Record<string, unknown> = {}) {
  const tokenizer = { ...json, ...changes, model: { ...json.model, ...model } };
  return tokenizerFromJson({ ...files, tokenizer });
}

describe("roles", () => {
  test("come from the configuration files", () => {
    const tokenizer = goldenTokenizer("a-packed");
    expect(tokenizer).toMatchObject({ vocabSize: 512, bos: 496, eos: 497, addBos: true });
    expect([...tokenizer.stopTokens]).toEqual([497, 496 + 9]);
    expect(tokenizer.chatTemplate).toContain("capitalize");
    const qwen = goldenTokenizer("d");
    expect(qwen).toMatchObject({ bos: undefined, eos: 498, addBos: false, pre: "qwen2" });
    expect([...qwen.stopTokens].sort()).toEqual([496, 498]);
  });

  test("come from the post-processor when there is no configuration", () => {
    expect(tokenizerFromJson({ tokenizer: json })).toMatchObject({ bos: 496, addBos: true });
  });

  test("add_bos_token of the configuration wins", () => {
    const tokenizerConfig = { bos_token: { content: "<|begin_of_text|>" }, add_bos_token: false };
    const tokenizer = tokenizerFromJson({ tokenizer: json, tokenizerConfig });
    expect(tokenizer).toMatchObject({ bos: 496, addBos: false });
  });

  test("of several chat templates the default one is taken", () => {
    const named = (...names: string[]) =>
      names.map((name) => ({ name, template: `{{ '${name}' }}` }));
    const template = (value: unknown) =>
      tokenizerFromJson({ tokenizer: json, tokenizerConfig: { chat_template: value } })
        .chatTemplate;
    expect(template(named("rag", "default"))).toBe("{{ 'default' }}");
    expect(template(named("rag", "tool_use"))).toBe("{{ 'rag' }}");
    expect(template([])).toBeUndefined();
    expect(template(undefined)).toBeUndefined();
  });
});

describe("models", () => {
  test("merges may be strings or pairs", () => {
    const pairs = json.model.merges.map((merge) => (merge as string).split(" "));
    const text = "the quick brown fox";
    expect(build({}, { merges: pairs }).encode(text, { special: false })).toEqual(
      goldenTokenizer("a-packed").encode(text, { special: false }),
    );
  });

  test("normalization is applied to ordinary text", () => {
    const tokenizer = build({ normalizer: { type: "NFC" } });
    expect(tokenizer.pre).toBe("llama-bpe");
    expect(tokenizer.decode(tokenizer.encode("e\u0301", { special: false }))).toBe("\u00e9");
  });

  test("the library takes what ours lacks, with the same safety", () => {
    const tokenizer = build({
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Digits", individual_digits: true },
          { type: "ByteLevel", add_prefix_space: false, use_regex: true },
        ],
      },
    });
    expect(tokenizer.pre).toBe("custom");
    const next = random(8);
    for (let i = 0; i < 50; i++) {
      const text = fuzzText(next, 300);
      const ids = tokenizer.encode(text, { special: false });
      expect(tokenizer.decode(ids)).toBe(wellFormed(text));
      expect(ids.some((id) => tokenizer.isSpecial(id))).toBe(false);
    }
    expect([...tokenizer.encode("<|eot_id|>", { special: true })]).toEqual([505]);
  });

  test("the library's whole-piece lookup cannot give special tokens either", () => {
    // No split at all, so that the typed text is one piece; the token is in the base vocabulary, too.
    const tokenizer = build(
      { pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false } },
      { vocab: { ...json.model.vocab, "<|eot_id|>": 505 } },
    );
    expect(tokenizer.pre).toBe("custom");
    expect(tokenizer.encode("<|eot_id|>", { special: false }).length).toBeGreaterThan(5);
  });

  test("a byte without a token becomes the unknown token, if there is one", () => {
    const { "!": _, ...vocab } = json.model.vocab;
    const unknown = { vocab: { ...vocab, "<unk>": 0 }, unk_token: "<unk>" };
    expect([...build({}, unknown).encode("!", { special: false })]).toEqual([0]);
  });

  test("added tokens strip white space beside them when told to", () => {
    const added_tokens = json.added_tokens.map((token) =>
      token.id === 505 ? { ...token, lstrip: true, rstrip: true } : token,
    );
    const ids = build({ added_tokens }).encode("H  <|eot_id|> \n H", { special: true });
    expect([...ids]).toEqual([39, 505, 39]);
  });

  test("models that are not BPE are refused", () => {
    expect(() => build({ decoder: { type: "Metaspace" } })).toThrow(UnsupportedError);
    expect(() => build({}, { type: "Unigram" })).toThrow(
      new UnsupportedError('tokenizer.json: model "Unigram" is not supported, BPE alone is'),
    );
    expect(() => build({}, { type: "WordPiece", vocab: [] })).toThrow('model "WordPiece"');
  });
});

describe("pre-tokenizers", () => {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
  const split = (Regex: string, more = {}) => ({
    type: "Split",
    pattern: { Regex },
    behavior: "Isolated",
    invert: false,
    ...more,
  });
  const preOf = (...pretokenizers: unknown[]) =>
    build({ pre_tokenizer: { type: "Sequence", pretokenizers } }, { ignore_merges: false }).pre;
  const gpt2 = { ...byteLevel, use_regex: true };
  const punctuation = { type: "Punctuation", behavior: "Contiguous" };
  const digits = { type: "Digits", individual_digits: true };

  test("are recognised by their steps, in order", () => {
    expect(preOf(gpt2)).toBe("gpt-2");
    expect(preOf({ type: "Sequence", pretokenizers: [gpt2] })).toBe("gpt-2");
    expect(preOf(punctuation, gpt2, split("[0-9]"))).toBe("falcon3");
    expect(preOf(punctuation, gpt2)).toBe("custom");
    expect(preOf(gpt2, punctuation, split("[0-9]"))).toBe("custom");
    expect(preOf(gpt2, byteLevel)).toBe("custom");
    expect(preOf(byteLevel, split("[0-9]"))).toBe("custom");
    expect(preOf(punctuation, gpt2, split("[0-9]", { behavior: "Removed" }))).toBe("custom");
    expect(preOf({ ...punctuation, behavior: "Isolated" }, gpt2, split("[0-9]"))).toBe("custom");
  });

  test("digits are looked for in bytes after the byte-level step, in text before it", () => {
    const { tokenizer: own } = witnessed("falcon3");
    const preIn = (pretokenizers: unknown[], tokens = {}, merges: string[] = []) => {
      const model = own.model as typeof json.model & { vocab: Record<string, number> };
      const changed = {
        ...model,
        vocab: { ...model.vocab, ...tokens },
        merges: [...model.merges, ...merges],
      };
      const pre_tokenizer = { type: "Sequence", pretokenizers };
      return tokenizerFromJson({ tokenizer: { ...own, model: changed, pre_tokenizer } }).pre;
    };
    expect(preIn([punctuation, gpt2, digits])).toBe("falcon3");
    expect(preIn([digits, punctuation, gpt2])).toBe("custom");
    // The second byte of U+00FC is spelled as a fraction: as a piece of bytes it would stand alone.
    const fraction = { "\u00c3\u00bc": 2000 };
    expect(preIn([punctuation, gpt2, digits], fraction, ["\u00c3 \u00bc"])).toBe("custom");
    expect(preIn([punctuation, gpt2, split("[0-9]")], fraction, ["\u00c3 \u00bc"])).toBe("falcon3");
  });

  test("one with a name of its own where merges are not ignored", () => {
    expect(build({}, { ignore_merges: false }).pre).toBe("dbrx");
  });
});
