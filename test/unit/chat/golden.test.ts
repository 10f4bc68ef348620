import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/chat/messages.ts";
import { ChatTemplate } from "../../../src/chat/template.ts";
import { readGoldenJson } from "../../support/golden.ts";
import { ARCHITECTURES, tokenizerOf } from "./support.ts";

interface Case {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly add_generation_prompt: boolean;
  readonly text: string;
  readonly ids: readonly number[];
}

const { cases } = readGoldenJson<{ cases: readonly Case[] }>("tokenizer/chat.json");

describe.each(["a-packed", "c", "d"])("model %s", (model) => {
  const own = cases.filter((one) => one.model === model);
  const architecture = ARCHITECTURES[model];

  test("renders to the golden text and ids", () => {
    const template = new ChatTemplate({ tokenizer: tokenizerOf(model), architecture });
    expect(template).toMatchObject({ origin: "model", notes: [] });
    expect(own.length).toBeGreaterThan(5);
    for (const { messages, add_generation_prompt: addGenerationPrompt, text, ids } of own) {
      expect(template.render(messages, { addGenerationPrompt })).toBe(text);
      expect([...template.encode(messages, { addGenerationPrompt })]).toEqual(ids);
    }
  });

  test("the built-in template of the family gives the same", () => {
    const tokenizer = tokenizerOf(model, { chat_template: "" });
    const template = new ChatTemplate({ tokenizer, architecture });
    expect(template.origin).toBe("built-in");
    expect(template.notes[0]).toContain("has no chat template");
    for (const { messages, add_generation_prompt: addGenerationPrompt, ids } of own) {
      expect([...template.encode(messages, { addGenerationPrompt })]).toEqual(ids);
    }
  });
});
