import { describe, expect, test } from "vitest";
import { ChatTemplate } from "../../../src/chat/template.ts";
import { ModelFormatError, UnsupportedError, UsageError } from "../../../src/errors.ts";
import { tokenizerOf } from "./support.ts";

const HELLO = [{ role: "user", content: "Hello" }] as const;
const LEFTOVER =
  "{% for message in messages %}{{ 'Human: ' + message['content'] + '\\n\\nBITNETAssistant: ' }}" +
  "{% endfor %}";

function chat(changes: Record<string, unknown>, architecture?: string, override?: string) {
  return new ChatTemplate({ tokenizer: tokenizerOf("a-packed", changes), architecture }, override);
}

describe("choice of the template", () => {
  test("the wrong template of the official 2B4T file is replaced, with a note", () => {
    const template = chat({ chat_template: LEFTOVER }, "bitnet-b1.58");
    expect(template.origin).toBe("built-in");
    expect(template.notes[0]).toContain("left-over");
    expect(template.source).toBe(chat({}).source);
    expect(template.render(HELLO)).toBe("<|begin_of_text|>User: Hello<|eot_id|>Assistant: ");
  });

  test("the same words in another family's template are left alone", () => {
    expect(chat({ chat_template: LEFTOVER }, "llama")).toMatchObject({
      origin: "model",
      source: LEFTOVER,
      notes: [],
    });
  });

  test("an override wins: template text or a built-in name", () => {
    const template = chat({ chat_template: LEFTOVER }, "bitnet", "{{ messages[0].content }}!");
    expect(template).toMatchObject({ origin: "override", notes: [] });
    expect(template.render(HELLO)).toBe("Hello!");
    expect(chat({}, "bitnet", "chatml").render(HELLO)).toContain("<|im_start|>user\nHello");
    expect(() => chat({}, "bitnet", "nonsense")).toThrow(UsageError);
  });

  test("no template anywhere", () => {
    for (const architecture of ["gemma3", undefined]) {
      expect(() => chat({ chat_template: undefined }, architecture)).toThrow(UnsupportedError);
    }
    expect(() => chat({ chat_template: undefined })).toThrow("this model has no chat template");
  });

  test("syntax errors are the model's or the user's", () => {
    const broken = "{% for message in messages %}";
    expect(() => chat({ chat_template: broken })).toThrow(ModelFormatError);
    expect(() => chat({}, undefined, broken)).toThrow(UsageError);
  });
});

describe("BOS", () => {
  const bos = 496;
  const ids = (template: string, changes: Record<string, unknown> = {}) => [
    ...chat({ chat_template: template, ...changes }).encode([{ role: "user", content: "H" }]),
  ];

  test("stands exactly once at the start, whatever template and model say", () => {
    for (const before of ["", "{{ bos_token }}", "{{ bos_token }}{{ bos_token }}"]) {
      expect(ids(`${before}{{ messages[0].content }}`)).toEqual([bos, 39]);
    }
    expect(ids("{{ bos_token }}H", { add_bos_token: false })).toEqual([bos, 39]);
    expect(ids("H", { add_bos_token: false })).toEqual([39]);
    expect(ids("{# nothing #}")).toEqual([bos]);
    expect(ids("{{ bos_token }}")).toEqual([bos]);
  });

  test("stays where a template repeats it later", () => {
    expect(ids("{{ bos_token }}H{{ bos_token }}")).toEqual([bos, 39, bos]);
  });
});

describe("what templates may use", () => {
  const render = (template: string, variables: Record<string, unknown> = {}) =>
    chat({}, undefined, template).render(HELLO, { variables, now: new Date(2026, 6, 4, 15, 5, 9) });

  test("tokens, flags, variables", () => {
    expect(render("{{ bos_token }}{{ eos_token }}")).toBe("<|begin_of_text|><|end_of_text|>");
    expect(render("{{ add_generation_prompt }} {{ x.y[0] }}", { x: { y: [7] } })).toBe("true 7");
    expect(render("{{ messages | length }} {{ undefined_name is defined }}")).toBe("1 false");
  });

  test("variables that are words of special tokens keep their meaning", () => {
    expect(
      render("{{ mode == 'text' and eot_id.text }}", { mode: "text", eot_id: { text: 1 } }),
    ).toBe("1");
  });

  test("variables cannot replace what is built in", () => {
    const variables = { messages: [], range: 1, raise_exception: 2, bos_token: "x", true: 0 };
    expect(render("{{ messages[0].content }}{{ bos_token }}", variables)).toContain("Hello<|");
  });

  test("range", () => {
    expect(render("{% for i in range(3) %}{{ i }}{% endfor %}")).toBe("012");
    expect(render("{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}")).toBe("531");
    expect(render("{{ range(2, 2) | length }}")).toBe("0");
  });

  test("strftime_now", () => {
    expect(render("{{ strftime_now('%d %b %Y, %A %B %e %y-%m %I:%M:%S %p %H%%') }}")).toBe(
      "04 Jul 2026, Saturday July %e 26-07 03:05:09 PM 15%",
    );
  });

  test("raise_exception is a usage error with the template's words", () => {
    const refuse = () => render("{{ raise_exception('Roles must\\n alternate\\u001b!') }}");
    expect(refuse).toThrow(UsageError);
    expect(refuse).toThrow("chat template: Roles must alternate");
  });
});
