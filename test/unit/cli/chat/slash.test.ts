import { describe, expect, it } from "vitest";
import { type ChatSettings, changeSetting } from "../../../../src/cli/chat/settings.ts";
import { completeSlash, parseRequest, SLASH_COMMANDS } from "../../../../src/cli/chat/slash.ts";

describe("what a message asks for", () => {
  it.each(SLASH_COMMANDS.map(({ name }) => name))("/%s is a command", (name) => {
    expect(parseRequest(`/${name}`)).toEqual({ kind: "command", name, argument: "" });
    expect(parseRequest(`/${name}  a b `)).toEqual({ kind: "command", name, argument: "a b" });
  });

  it("an argument may have lines", () => {
    expect(parseRequest("/system one\ntwo")).toMatchObject({ argument: "one\ntwo" });
  });

  it.each(["hello", "", " /help", "a/b", "\n/help"])("%j is said", (text) => {
    expect(parseRequest(text)).toEqual({ kind: "say", text });
  });

  it("two slashes say one", () => {
    expect(parseRequest("//etc/passwd")).toEqual({ kind: "say", text: "/etc/passwd" });
  });

  it.each([
    ["/halp", "halp", "help"],
    ["/he", "he", "help"],
    ["/", "", undefined],
    ["/usr/bin is what?", "usr/bin", undefined],
    ["/toString", "toString", undefined],
    ["/constructor", "constructor", undefined],
  ])("%j is unknown", (text, name, meant) => {
    expect(parseRequest(text)).toEqual({ kind: "unknown", name, meant });
  });

  it("has other names for what people try", () => {
    expect(parseRequest("/quit")).toMatchObject({ name: "exit" });
    expect(parseRequest("/?")).toMatchObject({ name: "help" });
  });
});

describe("completion", () => {
  const words = (name: string) => (name === "load" ? ["tea", "tax"] : []);

  it("of commands and of their arguments", () => {
    expect(completeSlash("/s", words)).toEqual(["/system ", "/save ", "/set ", "/stats"]);
    expect(completeSlash("/load te", words)).toEqual(["/load tea"]);
    expect(completeSlash("/undo x", words)).toEqual([]);
  });

  it("of nothing else", () => {
    expect(completeSlash("s", words)).toEqual([]);
  });
});

describe("/set", () => {
  const settings = (): ChatSettings => ({
    nPredict: -1,
    temperature: 0.8,
    topK: 40,
    topP: 0.95,
    minP: 0.05,
    repeatPenalty: 1,
    repeatLastN: 64,
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: undefined,
  });

  it.each([
    ["temperature 0.5", { temperature: 0.5 }],
    ["temp=0.5", { temperature: 0.5 }],
    ["--top-k 7", { topK: 7 }],
    ["topK 7", { topK: 7 }],
    ["n 32", { nPredict: 32 }],
    ["seed = 3", { seed: 3 }],
    ["presence-penalty -1", { presencePenalty: -1 }],
  ])("%s", (text, change) => {
    const changed = settings();
    changeSetting(changed, text);
    expect(changed).toEqual({ ...settings(), ...change });
  });

  it.each([
    ["speed 3", 'no setting "speed"'],
    ["top-p 2", 'top-p expects a number from 0 to 1, got "2"'],
    ["temp", 'temperature expects a number of at least 0, got ""'],
  ])("%s is wrong", (text, message) => {
    const unchanged = settings();
    expect(() => changeSetting(unchanged, text)).toThrow(message);
    expect(unchanged).toEqual(settings());
  });
});
