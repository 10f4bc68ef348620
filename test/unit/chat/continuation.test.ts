import { describe, expect, it } from "vitest";
import { Conversation } from "../../../src/chat/conversation.ts";
import { ChatTemplate } from "../../../src/chat/template.ts";
import { ARCHITECTURES, tokenizerOf } from "./support.ts";

/** A prompt, and ids of an answer as a model may choose them: letter by letter. */
function firstTurn(model: string, answer: string) {
  const tokenizer = tokenizerOf(model);
  const template = new ChatTemplate({ tokenizer, architecture: ARCHITECTURES[model] });
  const conversation = new Conversation("Be <|eot_id|> brief.");
  const prompt = template.encode(conversation.messagesWith("What?"));
  const said = [...answer].flatMap((letter) => [
    ...tokenizer.encode(letter, { special: false, continues: true }),
  ]);
  const ids = Int32Array.from([...prompt, ...said]);
  conversation.add({ user: "What?", assistant: answer }, ids);
  return { tokenizer, template, conversation, ids };
}

describe.each(["a-packed", "c", "d"])("a conversation that goes on, of model %s", (model) => {
  it("keeps the ids of what was said", () => {
    const { tokenizer, template, conversation, ids } = firstTurn(model, "Forty two.");
    const known = conversation.known();
    if (!known) expect.unreachable("ids were given");
    const messages = conversation.messagesWith("Why <|eot_id|>?");
    const next = template.encodeAfter(messages, known);
    if (!next) expect.unreachable("the template leaves answers as they are");
    expect(next.slice(0, ids.length)).toEqual(ids);
    const special = { special: true };
    expect(tokenizer.decode([...next], special)).toBe(
      tokenizer.decode([...template.encode(messages)], special),
    );
  });
});

describe("what was said is not kept", () => {
  const turn = () => firstTurn("a-packed", "Forty two.");

  it("after another system message", () => {
    const { conversation } = turn();
    conversation.setSystem("Be long.");
    expect(conversation.known()).toBeUndefined();
  });

  it("when turns are left out, until the next one", () => {
    const { conversation, ids } = turn();
    conversation.add({ user: "a", assistant: "b" }, ids);
    conversation.shed();
    expect(conversation.known()).toBeUndefined();
    conversation.add({ user: "c", assistant: "d" }, ids);
    expect(conversation.known()).toEqual({ messages: 5, ids });
  });

  it("of a turn without ids; the turn before has its own again after undo", () => {
    const { conversation, ids } = turn();
    conversation.add({ user: "a", assistant: "b" });
    expect(conversation.known()).toBeUndefined();
    conversation.undo();
    expect(conversation.known()).toEqual({ messages: 3, ids });
  });

  it("when the template changes what was said", () => {
    const { tokenizer, ids } = turn();
    const source =
      "{% for m in messages %}{{ m['content'] | upper }}<|eot_id|>{% endfor %}" +
      "{% if add_generation_prompt %}A: {% endif %}";
    const template = new ChatTemplate({ tokenizer, architecture: "bitnet" }, source);
    const { conversation } = turn();
    const messages = conversation.messagesWith("x");
    expect(template.encodeAfter(messages, { messages: 3, ids })).toBeUndefined();
    expect(template.encodeAfter(messages, { messages: 1, ids })).toBeUndefined();
  });
});
