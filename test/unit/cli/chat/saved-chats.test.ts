import { chmodSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HISTORY_LINES, History } from "../../../../src/cli/chat/history.ts";
import { nameByTime, type SavedChat, SavedChats } from "../../../../src/cli/chat/saved-chats.ts";
import { NotFoundError, UsageError } from "../../../../src/errors.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const CHAT: SavedChat = {
  model: "/models/m.gguf",
  system: "brief",
  turns: [{ user: "a\n\u0000\u{1f600}", assistant: "b" }],
  leftOut: 1,
};

describe("saved chats", () => {
  it("come back as they were, in a folder of the user's own", async () => {
    const folder = join(tempDir(), "new", "chats");
    const saved = new SavedChats(folder);
    await saved.save("tea and tax", CHAT);
    expect(await saved.load("tea and tax")).toEqual(CHAT);
    const { system: _none, ...rest } = CHAT;
    await saved.save("tea and tax", { ...rest, system: undefined });
    expect(await saved.load("tea and tax")).toEqual({ ...rest, system: undefined });
    expect(readdirSync(folder)).toEqual(["tea and tax.json"]);
  });

  it("are listed, newest first", async () => {
    const folder = tempDir();
    const saved = new SavedChats(folder);
    for (const [i, name] of ["a", "b", "c"].entries()) {
      await saved.save(name, CHAT);
      utimesSync(join(folder, `${name}.json`), 1000, i === 1 ? 3000 : 2000 - i);
    }
    writeFileSync(join(folder, ".hidden.json"), "");
    writeFileSync(join(folder, "d.txt"), "");
    expect(await saved.names()).toEqual(["b", "a", "c"]);
    expect(saved.namesNow().toSorted()).toEqual(["a", "b", "c"]);
    expect(await new SavedChats(join(folder, "none")).names()).toEqual([]);
  });

  it.each(["", "..", "../x", "a/b", ".a", "a\nb", "a\u0000", "x".repeat(101), "a:b", "a\\b"])(
    "cannot be called %j",
    async (name) => {
      const saved = new SavedChats(tempDir());
      await expect(saved.save(name, CHAT)).rejects.toThrow(UsageError);
      await expect(saved.load(name)).rejects.toThrow(UsageError);
    },
  );

  it("a missing one is told with the nearest", async () => {
    const saved = new SavedChats(tempDir());
    await saved.save("kettle", CHAT);
    await expect(saved.load("ketle")).rejects.toMatchObject({
      message: 'there is no chat "ketle"',
      hint: "did you mean kettle?",
    });
  });

  it.each([
    ["", "it is not a JSON document"],
    ["{", "it is not a JSON document"],
    ["null", "it is not a JSON document"],
    ["[]", "version is missing"],
    ["{}", "version is missing"],
    ['{"version":"1"}', "version is missing"],
    ['{"version":2}', "a newer version of this program wrote it"],
    ['{"version":1}', "model is not a text"],
    ['{"version":1,"model":"m","system":3,"turns":[]}', "system is not a text"],
    ['{"version":1,"model":"m","turns":[],"leftOut":1}', "leftOut is not a number of turns"],
    ['{"version":1,"model":"m"}', "turns are not all turns"],
    ['{"version":1,"model":"m","turns":[null]}', "turns are not all turns"],
    ['{"version":1,"model":"m","turns":[{"user":"x"}]}', "turns are not all turns"],
    ['{"version":1,"model":"m","turns":[{"user":"x","assistant":1}]}', "turns are not all turns"],
  ])("a damaged one, %j, is refused: %s", async (text, message) => {
    const folder = tempDir();
    writeFileSync(join(folder, "x.json"), text);
    const loading = new SavedChats(folder).load("x");
    await expect(loading).rejects.toThrow(NotFoundError);
    await expect(loading).rejects.toThrow(message);
  });

  it("every cut of a file is refused", async () => {
    const folder = tempDir();
    const saved = new SavedChats(folder);
    await saved.save("x", CHAT);
    const whole = readFileSync(join(folder, "x.json"), "utf8").trimEnd();
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(join(folder, "x.json"), whole.slice(0, length));
      await expect(saved.load("x")).rejects.toThrow(NotFoundError);
    }
  });
});

it("a chat without a name is called after its beginning", () => {
  const name = nameByTime(new Date(2026, 2, 7, 4, 5, 6));
  expect(name).toBe("2026-03-07 04.05.06");
});

describe("typed lines", () => {
  it("come back newest first, once each, lines of a text in one", async () => {
    const history = new History(join(tempDir(), "deep", "history"));
    expect(await history.load()).toEqual([]);
    for (const text of ["a", "b\nc", "a", "  "]) expect(await history.add(text)).toBe(true);
    expect(await history.load()).toEqual(["a", "b\u2424c"]);
  });

  it("do not grow without end", async () => {
    const path = join(tempDir(), "history");
    const lines = Array.from({ length: 2 * HISTORY_LINES + 1 }, (_, i) => `line ${i}`);
    writeFileSync(path, `${lines.join("\n")}\n`);
    const loaded = await new History(path).load();
    expect(loaded).toEqual(lines.slice(-HISTORY_LINES).toReversed());
    expect(readFileSync(path, "utf8").trimEnd().split("\n")).toHaveLength(HISTORY_LINES);
  });

  it("that cannot be kept are no failure", async () => {
    const folder = tempDir();
    const history = new History(folder); // a folder is no file
    expect(await history.load()).toEqual([]);
    expect(await history.add("x")).toBe(false);
    chmodSync(folder, 0o700);
  });
});
