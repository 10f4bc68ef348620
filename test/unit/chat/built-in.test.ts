import { describe, expect, test } from "vitest";
import { BUILT_IN } from "../../../src/chat/built-in.ts";
import type { Message } from "../../../src/chat/messages.ts";
import { ChatTemplate } from "../../../src/chat/template.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import type { Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { readGoldenJson } from "../../support/golden.ts";
import { witnessed } from "../tokenizer/witnessed.ts";

interface Case {
  readonly messages: readonly Message[];
  readonly add_generation_prompt: boolean;
  readonly variables: Record<string, unknown>;
  readonly text: string;
}

const { cases } = readGoldenJson<{ cases: Record<string, readonly Case[]> }>(
  "tokenizer/chat-built-in.json",
);

function vocabulary(name: string, tokenizerConfig: Record<string, unknown>): Tokenizer {
  return tokenizerFromJson({ tokenizer: witnessed(name).tokenizer, tokenizerConfig });
}

const MODELS: Readonly<Record<string, { architecture: string; tokenizer: Tokenizer }>> = {
  qwen3: { architecture: "qwen3", tokenizer: vocabulary("qwen", { eos_token: "<|im_end|>" }) },
  gemma: {
    architecture: "gemma3",
    tokenizer: vocabulary("gemma", { bos_token: "<bos>", eos_token: "<eos>" }),
  },
  falcon3: {
    architecture: "llama",
    tokenizer: vocabulary("falcon3", { eos_token: "<|endoftext|>" }),
  },
};

function templateOf(name: string): ChatTemplate {
  const model = MODELS[name];
  if (!model) throw new Error(name);
  return new ChatTemplate(model);
}

describe.each(["qwen3", "gemma"])("built-in %s", (name) => {
  test("renders what the published template renders", () => {
    const template = templateOf(name);
    expect(template.notes).toEqual([`the model has no chat template; '${name}' is used`]);
    expect(cases[name]?.length).toBeGreaterThan(10);
    for (const { messages, add_generation_prompt, variables, text } of cases[name] ?? []) {
      const options = { addGenerationPrompt: add_generation_prompt, variables };
      expect(template.render(messages, options)).toBe(text);
    }
  });
});

test("Qwen 3 does not think unless asked to, with its own template, too", () => {
  const hello = [{ role: "user", content: "Hi" }] as const;
  const closed = "<|im_start|>assistant\n<think>\n\n</think>\n\n";
  expect(templateOf("qwen3").render(hello).endsWith(closed)).toBe(true);
  const own = "{{ enable_thinking is defined and enable_thinking is false }}";
  const chat_template = { eos_token: "<|im_end|>", chat_template: own };
  const tokenizer = vocabulary("qwen", chat_template);
  const template = new ChatTemplate({ tokenizer, architecture: "qwen3" });
  expect(template).toMatchObject({ origin: "model", notes: [] });
  expect(template.render(hello)).toBe("true");
  expect(template.render(hello, { variables: { enable_thinking: true } })).toBe("false");
  // Other families' templates see no such variable.
  expect(new ChatTemplate({ tokenizer, architecture: "qwen2" }).render(hello)).toBe("false");
});

test("Falcon 3", () => {
  const template = templateOf("falcon3");
  expect(template.notes[0]).toContain("'falcon3'");
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
    { role: "user", content: "Bye" },
  ] as const;
  expect(template.render(messages)).toBe(
    "<|system|>\nBe brief.\n<|user|>\nHi\n<|assistant|>\nHello<|endoftext|>\n<|user|>\nBye\n<|assistant|>\n",
  );
});

test("base models without markup have none", () => {
  // TriLM and 1bitLLM: family llama, one end token.
  const tokenizer = vocabulary("llama2", { bos_token: "<s>", eos_token: "</s>" });
  expect(() => new ChatTemplate({ tokenizer, architecture: "llama" })).toThrow(
    "this model has no chat template",
  );
});

test("every built-in template can be asked for by name", () => {
  const { tokenizer } = MODELS["qwen3"] as { tokenizer: Tokenizer };
  for (const { name } of BUILT_IN) {
    const template = new ChatTemplate({ tokenizer, architecture: undefined }, name);
    expect(template.render([{ role: "user", content: "Hello" }])).toContain("Hello");
  }
});

test("tokens that end a turn, where files name only one or none", () => {
  const stops = (tokenizer: Tokenizer) =>
    [...tokenizer.stopTokens].map((id) => tokenizer.decode([id], { special: true })).sort();
  expect(stops(vocabulary("gemma", { eos_token: "<end_of_turn>" }))).toEqual([
    "<end_of_turn>",
    "<eos>",
  ]);
  expect(stops(vocabulary("gemma", {}))).toEqual(["<end_of_turn>", "<eos>"]);
  expect(stops(vocabulary("qwen", {}))).toEqual(["<|endoftext|>", "<|im_end|>"]);
  expect(stops(vocabulary("llama2", {}))).toEqual(["</s>"]);
  expect(stops(vocabulary("falcon3", {}))).toEqual(["<|endoftext|>"]);
});
