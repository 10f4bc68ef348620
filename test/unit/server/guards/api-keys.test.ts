import { describe, expect, it } from "vitest";
import { ApiKeys, parseKeyFile } from "../../../../src/server/guards/api-keys.ts";

const LONG = "0123456789abcdef0123";

describe("keys", () => {
  const keys = new ApiKeys([
    { name: "alice", key: LONG },
    { name: "bob", key: "short" },
  ]);

  it("are known by their names", () => {
    expect(keys.nameOf(LONG)).toBe("alice");
    expect(keys.nameOf("short")).toBe("bob");
    expect(keys.size).toBe(2);
  });

  it.each(["", "shor", "shortt", "SHORT", `${LONG} `, "x".repeat(100_000), "\u00e9"])(
    "that differ in anything are unknown: %j",
    (presented) => expect(keys.nameOf(presented)).toBeUndefined(),
  );

  it("that are easily guessed are named", () => expect(keys.weak).toEqual(["bob"]));

  it.each([
    [[{ name: "a", key: "" }], /"a" is empty/],
    [[{ name: "a", key: "two words" }], /no header can carry/],
    [[{ name: "a", key: "\u00fcber-secret" }], /no header can carry/],
    [
      [
        { name: "a", key: "k1" },
        { name: "a", key: "k2" },
      ],
      /two API keys have the name "a"/,
    ],
    [
      [
        { name: "a", key: "k1" },
        { name: "b", key: "k1" },
      ],
      /an API key is there twice/,
    ],
  ])("%j are refused", (list, message) => {
    expect(() => new ApiKeys(list)).toThrow(message);
  });
});

describe("a key file", () => {
  it("has names, keys and comments", () => {
    const text = "\ufeff# team\r\nalice:abc:def\r\n\r\n  bob : xyz  \r\nlonely\n";
    expect(parseKeyFile(text, "keys")).toEqual([
      { name: "alice", key: "abc:def" },
      { name: "bob", key: "xyz" },
      { name: "line-5", key: "lonely" },
    ]);
  });

  it.each(["a b:key", "name:two words", "name:", ":key", "n\u00e4me:key"])(
    "is refused for %j, without the key in the message",
    (line) => {
      const read = () => parseKeyFile(`# first\n${line}\n`, "/etc/keys");
      expect(read).toThrow("/etc/keys:2: expected name:key");
      expect(read).not.toThrow(/two words|:key$/);
    },
  );

  it("without a key is refused, since it would open the server to all", () => {
    expect(() => parseKeyFile("# none\n", "keys")).toThrow("keys: holds no API key");
  });
});
