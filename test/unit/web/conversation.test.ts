import { describe, expect, it } from "vitest";
import { importPage } from "../../support/page-modules.ts";

interface Message {
  readonly id: string;
  readonly parent: string | null;
  readonly role: "user" | "assistant";
  content: string;
  readonly state: string;
}
interface Conversation {
  title: string;
  settings: Record<string, unknown>;
  messages: Message[];
  leaf: string | null;
}

const module = await importPage<{
  newConversation(settings: object): Conversation;
  addMessage(conversation: Conversation, message: Omit<Message, "id">): Message;
  branchOf(conversation: Conversation, leaf?: string | null): readonly Message[];
  variantsOf(conversation: Conversation, message: Message): readonly Message[];
  showBranch(conversation: Conversation, id: string): void;
  dropEmpty(conversation: Conversation, message: Message): void;
  splitThought(content: string): object;
  titleOf(text: string): string;
}>("chat/conversation.js");
const { requestFor } = await importPage<{
  requestFor(conversation: Conversation, leaf: string | null, model: string): object;
}>("chat/request.js");
const { exportText, importText } = await importPage<{
  exportText(all: readonly Conversation[]): string;
  importText(text: string): readonly Conversation[];
}>("chat/transfer.js");
const { addMessage, branchOf, newConversation, showBranch, variantsOf } = module;

const say = (conversation: Conversation, parent: string | null, content: string) =>
  addMessage(conversation, { parent, role: "user", content, state: "done" });
const answer = (conversation: Conversation, parent: string, content: string) =>
  addMessage(conversation, { parent, role: "assistant", content, state: "done" });

/** Two questions; the second one was edited, and its answer given twice. */
function branched() {
  const conversation = newConversation({ temperature: 0.5, system: "Be brief." });
  const first = say(conversation, null, "one");
  const reply = answer(conversation, first.id, "<think>hm</think>\n1");
  const second = say(conversation, reply.id, "two");
  answer(conversation, second.id, "2");
  const edited = say(conversation, reply.id, "three");
  const [a, b] = [answer(conversation, edited.id, "3"), answer(conversation, edited.id, "III")];
  return { conversation, second, edited, a, b };
}

const texts = (messages: readonly Message[]) => messages.map(({ content }) => content);

describe("a conversation", () => {
  it("shows the branch that was added to last, and others when asked", () => {
    const { conversation, second, edited, a, b } = branched();
    expect(texts(branchOf(conversation)).slice(2)).toEqual(["three", "III"]);
    expect(variantsOf(conversation, b)).toEqual([a, b]);
    expect(variantsOf(conversation, edited)).toEqual([second, edited]);
    showBranch(conversation, second.id);
    expect(texts(branchOf(conversation)).slice(2)).toEqual(["two", "2"]);
  });

  it("is named after its first question", () => {
    expect(branched().conversation.title).toBe("one");
    expect(module.titleOf(`  ${"word ".repeat(30)}\nmore`)).toMatch(/^(word ){10,}word\u2026$/);
    expect(module.titleOf("x".repeat(100))).toHaveLength(61);
  });

  it("ends where a damaged file has a ring or a gap", () => {
    const ring = newConversation({});
    const one = say(ring, "b", "one");
    ring.messages.push({ ...one, id: "b", parent: one.id });
    expect(branchOf(ring)).toHaveLength(2);
    expect(branchOf({ ...ring, leaf: "gone" })).toEqual([]);
  });

  it("asks with its settings, without thoughts, empty answers and roles that follow themselves", () => {
    const { conversation, edited } = branched();
    expect(requestFor(conversation, edited.id, "m")).toEqual({
      model: "m",
      temperature: 0.5,
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "one" },
        { role: "assistant", content: "1" },
        { role: "user", content: "three" },
      ],
    });
    const failed = answer(conversation, edited.id, "");
    const next = say(conversation, failed.id, "four");
    expect(requestFor(conversation, next.id, "m")).toMatchObject({
      messages: [{}, {}, {}, { role: "user", content: "three\n\nfour" }],
    });
  });

  it("forgets answers that never began, unless something follows", () => {
    const { conversation, edited } = branched();
    const [empty, used] = [
      answer(conversation, edited.id, ""),
      answer(conversation, edited.id, ""),
    ];
    say(conversation, used.id, "next");
    const before = conversation.messages.length;
    for (const message of [empty, used]) module.dropEmpty(conversation, message);
    expect(conversation.messages).toHaveLength(before - 1);
  });

  it("tells thoughts from answers", () => {
    const { splitThought } = module;
    expect(splitThought("a <think>")).toEqual({
      ...{ thought: "", answer: "a <think>", thinking: false },
    });
    expect(splitThought("<think>a")).toEqual({ thought: "a", answer: "", thinking: true });
    expect(splitThought("<think>\na\n</think>\n\nb")).toEqual({
      ...{ thought: "a", answer: "b", thinking: false },
    });
  });
});

describe("export and import", () => {
  it("give the same conversations back, under ids of their own", () => {
    const { conversation } = branched();
    const [read] = importText(exportText([conversation]));
    if (!read) return expect.unreachable();
    expect(texts(branchOf(read))).toEqual(texts(branchOf(conversation)));
    expect(read).toEqual({ ...conversation, id: expect.not.stringMatching("^$") });
    expect(importText(exportText([]))).toEqual([]);
  });

  it.each([
    ["{", "not JSON"],
    ["[]", "no exported conversations"],
    ['{"format":"bitnet-conversations","version":9}', "version 9"],
    ['{"format":"bitnet-conversations","version":1}', "list of conversations"],
    ['{"format":"bitnet-conversations","version":1,"conversations":[{}]}', "Conversation 1"],
    [
      '{"format":"bitnet-conversations","version":1,"conversations":[{"messages":[{"id":1}]}]}',
      "damaged",
    ],
  ])("refuses %s", (text, reason) => {
    expect(() => importText(text)).toThrow(reason);
  });

  it("keeps nothing that is no setting", () => {
    const { conversation } = branched();
    const settings = {
      temperature: 99,
      top_k: 1.5,
      seed: "1",
      top_p: 0.9,
      model: "x",
      system: " ",
    };
    const [read] = importText(exportText([{ ...conversation, settings }]));
    expect(read?.settings).toEqual({ top_p: 0.9 });
  });
});
