import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import type { ModelSource } from "../../../src/checkpoint/source.ts";
import { ModelFormatError, UnsupportedError } from "../../../src/errors.ts";
import { goldenPath } from "../../support/golden.ts";
import { tempDir } from "../../support/temp-dir.ts";

// biome-ignore lint/suspicious/noExplicitAny: JSON that the tests change at will
type Json = any;

interface Changes {
  readonly tokenizer?: (json: Json) => void;
  readonly settings?: (json: Json) => void;
  readonly generation?: (json: Json) => void;
  readonly files?: Readonly<Record<string, string>>;
}

async function open(changes: Changes): Promise<ModelSource> {
  const folder = join(tempDir(), "model");
  cpSync(goldenPath("models/a-packed"), folder, { recursive: true });
  const edit = (file: string, change?: (json: Json) => void): void => {
    if (!change) return;
    const json = JSON.parse(readFileSync(join(folder, file), "utf8"));
    change(json);
    writeFileSync(join(folder, file), JSON.stringify(json));
  };
  edit("tokenizer.json", changes.tokenizer);
  edit("tokenizer_config.json", changes.settings);
  edit("generation_config.json", changes.generation);
  for (const [name, text] of Object.entries(changes.files ?? {})) {
    writeFileSync(join(folder, name), text);
  }
  return openModelSource(folder);
}

async function values(changes: Changes): Promise<(key: string) => Json> {
  const { metadata } = await open(changes);
  return (key) => metadata.get(`tokenizer.${key}`)?.value;
}

const pattern = (json: Json): Json => json.pre_tokenizer.pretokenizers[0].pattern;

describe("tokenizer metadata", () => {
  test("a tokenizer whose rules have a name needs no more than the arrays", async () => {
    const model = await open({});
    expect(model.notes).toEqual([]);
    expect(model.metadata.get("tokenizer.ggml.pre")?.value).toBe("llama-bpe");
    expect(model.metadata.has("tokenizer.huggingface.json")).toBe(false);
  });

  test("merges as pairs give the same arrays", async () => {
    const plain = await values({});
    const pairs = await values({
      tokenizer: (json) => {
        json.model.merges = json.model.merges.map((merge: string) => merge.split(" "));
      },
    });
    expect(pairs("ggml.merges")).toEqual(plain("ggml.merges"));
    expect(pairs("huggingface.json")).toBeUndefined();
  });

  test("qwen2", async () => {
    const value = await values({
      tokenizer: (json) => {
        pattern(json).Regex = pattern(json).Regex.replace("{1,3}", "");
        json.model.ignore_merges = false;
      },
    });
    expect(value("ggml.pre")).toBe("qwen2");
  });

  test("Llama 3's split without ignored merges has a name, too", async () => {
    const value = await values({
      tokenizer: (json) => {
        json.model.ignore_merges = false;
      },
    });
    expect(value("ggml.pre")).toBe("dbrx");
  });

  test("a Unicode normalizer stands beside the arrays", async () => {
    const value = await values({
      tokenizer: (json) => {
        json.normalizer = { type: "NFC" };
      },
    });
    expect(value("huggingface.normalizer")).toBe("NFC");
    expect(value("huggingface.json")).toBeUndefined();
  });

  test("gpt-2: the byte-level splitter's own expression", async () => {
    const value = await values({
      tokenizer: (json) => {
        json.pre_tokenizer = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
        json.model.ignore_merges = false;
      },
    });
    expect(value("ggml.pre")).toBe("gpt-2");
  });

  test.each<[string, (json: Json) => void, RegExp]>([
    [
      "an unknown expression",
      (json) => {
        pattern(json).Regex = "\\w+";
      },
      /pre-tokenizer has no name/,
    ],
    [
      "no pre-tokenizer",
      (json) => {
        json.pre_tokenizer = null;
      },
      /pre-tokenizer has no name/,
    ],
    [
      "a prefix space",
      (json) => {
        json.pre_tokenizer.pretokenizers[1].add_prefix_space = true;
      },
      /has no name/,
    ],
    [
      "ignore_merges",
      (json) => {
        pattern(json).Regex = pattern(json).Regex.replace("{1,3}", "");
      },
      /ignore_merges differs from qwen2/,
    ],
    [
      "a normalizer",
      (json) => {
        json.normalizer = { type: "Lowercase" };
      },
      /normalizer/,
    ],
    [
      "an option of the model",
      (json) => {
        json.model.end_of_word_suffix = "</w>";
      },
      /end_of_word_suffix/,
    ],
    [
      "an unknown token for bytes",
      (json) => {
        json.model.unk_token = "!";
        json.model.vocab = Object.fromEntries(
          Object.entries(json.model.vocab).map(([token, id]) => [token === "#" ? "##" : token, id]),
        );
      },
      /unknown token/,
    ],
    [
      "spaces in merges",
      (json) => {
        json.model.merges = [["a", " b"]];
      },
      /merges hold spaces/,
    ],
    [
      "stripping",
      (json) => {
        json.added_tokens[0].lstrip = true;
      },
      /under conditions/,
    ],
  ])("%s: tokenizer.json is stored whole, with the reason", async (_, change, reason) => {
    const model = await open({ tokenizer: change });
    expect(model.notes.join()).toMatch(reason);
    expect(model.metadata.get("tokenizer.ggml.pre")?.value).toBe("default");
    const stored = String(model.metadata.get("tokenizer.huggingface.json")?.value);
    expect(JSON.parse(stored)).toHaveProperty("model.vocab");
  });

  test("special tokens: settings before config.json", async () => {
    const value = await values({
      settings: (json) => {
        json.eos_token = { content: "<|eot_id|>", lstrip: false };
        json.pad_token = null;
        json.add_bos_token = false;
      },
    });
    expect(value("ggml.eos_token_id")).toBe(505);
    expect(value("ggml.padding_token_id")).toBeUndefined();
    expect(value("ggml.add_bos_token")).toBe(false);
  });

  test("stop tokens that no reader would guess are named", async () => {
    const value = await values({
      generation: (json) => {
        json.eos_token_id = [497, 498, 505, 499];
      },
    });
    expect(value("ggml.eos_token_id")).toBe(497);
    expect(value("ggml.eot_token_id")).toBe(498);
    expect(value("ggml.eom_token_id")).toBe(499);
  });

  test("framing by the post-processor", async () => {
    const value = await values({
      tokenizer: (json) => {
        const template = json.post_processor.processors[1];
        template.single = [{ Sequence: { id: "A" } }, { SpecialToken: { id: "<|end_of_text|>" } }];
      },
    });
    expect(value("ggml.add_bos_token")).toBe(false);
    expect(value("ggml.add_eos_token")).toBe(true);
  });

  test("the token that is put after a text is EOS, the named one ends a generation, too", async () => {
    const value = await values({
      tokenizer: (json) => {
        const template = json.post_processor.processors[1];
        template.single = [{ Sequence: { id: "A" } }, { SpecialToken: { id: "<|eot_id|>" } }];
      },
    });
    expect(value("ggml.eos_token_id")).toBe(505);
    expect(value("ggml.eot_token_id")).toBe(497);
    expect(value("ggml.add_eos_token")).toBe(true);
  });

  test("an added token that the model has no row for is left out, and that is said", async () => {
    const model = await open({
      tokenizer: (json) => {
        json.added_tokens.push({ ...json.added_tokens[5], id: 512, content: "<image>" });
      },
    });
    expect(model.notes).toEqual(['token "<image>" is left out: the model has no row for it']);
    expect(model.metadata.get("tokenizer.ggml.tokens")?.value).toHaveLength(512);
  });

  test("holes in the vocabulary become unused tokens; user-defined tokens are told apart", async () => {
    const value = await values({
      tokenizer: (json) => {
        json.added_tokens = json.added_tokens.slice(0, 10);
        json.added_tokens[9].special = false;
      },
    });
    expect(value("ggml.tokens")[511]).toBe("[PAD511]");
    expect(value("ggml.token_type").slice(495, 508)).toEqual([
      1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 5,
    ]);
  });

  test("chat templates: named ones, and a file of its own", async () => {
    const settings = (json: Json): void => {
      json.chat_template = [
        { name: "tool_use", template: "tools" },
        { name: "default", template: "chat" },
      ];
    };
    expect((await values({ settings }))("chat_template")).toBe("chat");
    const files = { "chat_template.jinja": "from file" };
    expect((await values({ settings, files }))("chat_template")).toBe("from file");
  });

  test.each<
    [string, (json: Json) => void, typeof ModelFormatError | typeof UnsupportedError, RegExp]
  >([
    [
      "id beyond the vocabulary",
      (json) => {
        json.added_tokens[0].id = 512;
      },
      ModelFormatError,
      /has id 512, vocab_size is 512/,
    ],
    [
      "id given twice",
      (json) => {
        json.model.vocab["\u001b[2J"] = 0;
      },
      ModelFormatError,
      /id 0 is both "!" and "\\u001b\[2J"/,
    ],
    [
      "id no number",
      (json) => {
        json.model.vocab["a"] = "x";
      },
      ModelFormatError,
      /vocab: "a": id "x"/,
    ],
    [
      "no pair",
      (json) => {
        json.model.merges[3] = "a b c";
      },
      ModelFormatError,
      /merges\[3\]: .* is not a pair/,
    ],
    [
      "no vocabulary",
      (json) => {
        delete json.model.vocab;
      },
      ModelFormatError,
      /model: vocab is missing/,
    ],
    [
      "another kind",
      (json) => {
        json.model.type = "Unigram";
      },
      UnsupportedError,
      /tokenizer model Unigram/,
    ],
  ])("%s is refused", async (_, change, type, message) => {
    const opening = open({ tokenizer: change });
    await expect(opening).rejects.toThrow(type);
    await expect(opening).rejects.toThrow(message);
  });
});
