import { describe, expect, it } from "vitest";
import { Conversation, limitsOf } from "../../../src/chat/conversation.ts";
import type { Message } from "../../../src/chat/messages.ts";

const TURNS = [1, 2, 3, 4].map((n) => ({ user: `q${n}`, assistant: `a${n}` }));
/** Ten tokens a message. */
const tokensOf = (messages: readonly Message[]) => 10 * messages.length;
const contents = (messages: readonly Message[]) => messages.map(({ content }) => content).join(" ");

describe("a conversation", () => {
  it("puts the system message first and the question last", () => {
    const conversation = new Conversation("brief", TURNS.slice(0, 1));
    expect(conversation.messagesWith("q2")).toEqual([
      { role: "system", content: "brief" },
      { role: "user", content: "q1" },
      { role: "assistant", content: "a1" },
      { role: "user", content: "q2" },
    ]);
  });

  it("leaves the oldest turns out when the prompt is too long, more than just enough", () => {
    const conversation = new Conversation("brief", TURNS);
    const limits = { mostTokens: 99, wantedTokens: 60 };
    expect(conversation.fit("q5", limits, tokensOf)).toBe(2);
    expect(contents(conversation.messagesWith("q5"))).toBe("brief q3 a3 q4 a4 q5");
    expect(conversation.fit("q5", limits, tokensOf)).toBe(0);
    expect(conversation.turns).toHaveLength(4);
  });

  it("never leaves out the question", () => {
    const conversation = new Conversation(undefined, TURNS);
    conversation.fit("q5", { mostTokens: 1, wantedTokens: 1 }, tokensOf);
    expect(contents(conversation.messagesWith("q5"))).toBe("q5");
  });

  it("takes turns back, also when all that are left were left out", () => {
    const conversation = new Conversation(undefined, TURNS);
    conversation.fit("q5", { mostTokens: 1, wantedTokens: 1 }, tokensOf);
    expect(conversation.undo()).toEqual(TURNS[3]);
    conversation.add({ user: "q", assistant: "a" });
    expect(contents(conversation.messagesWith("x"))).toBe("q a x");
  });

  it("sheds half of the turns that are left, until there is none", () => {
    const conversation = new Conversation(undefined, TURNS.slice(0, 3));
    expect([conversation.shed(), conversation.leftOut]).toEqual([true, 2]);
    expect([conversation.shed(), conversation.leftOut]).toEqual([true, 3]);
    expect(conversation.shed()).toBe(false);
  });

  it("clears turns and keeps the system message", () => {
    const conversation = new Conversation("brief", TURNS);
    conversation.shed();
    conversation.clear();
    expect(contents(conversation.messagesWith("q"))).toBe("brief q");
    expect(conversation.leftOut).toBe(0);
  });
});

it("an answer gets what -n says, a quarter of the window at most", () => {
  expect(limitsOf(400, -1)).toEqual({ mostTokens: 300, wantedTokens: 200 });
  expect(limitsOf(400, 1000)).toEqual({ mostTokens: 300, wantedTokens: 200 });
  expect(limitsOf(400, 20)).toEqual({ mostTokens: 380, wantedTokens: 200 });
});
