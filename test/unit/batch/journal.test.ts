import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { BatchAnswer } from "../../../src/batch/answer.ts";
import { Journal } from "../../../src/batch/journal.ts";

const folder = mkdtempSync(join(tmpdir(), "bitnet-journal-"));
afterAll(() => rmSync(folder, { recursive: true }));
const PATH = join(folder, "answers.jsonl");
beforeEach(() => rmSync(PATH, { force: true }));

const answer = (id: string | number): BatchAnswer => ({
  id,
  line: 1,
  status: "ok",
  response: "\u00fc \ud83d\ude00\n",
  finishReason: "stop",
  seed: 2n ** 60n,
  usage: { promptTokens: 1, generatedTokens: 2 },
  timing: { firstTokenMs: 1, totalMs: 2 },
  fingerprint: `f${id}`,
});

async function write(...ids: readonly (string | number)[]): Promise<void> {
  await using journal = await Journal.open(PATH, { afresh: false });
  for (const id of ids) await journal.append(answer(id));
}

async function reopen(afresh = false) {
  await using journal = await Journal.open(PATH, { afresh });
  return { finished: [...journal.finished], repairedBytes: journal.repairedBytes };
}

it("keeps a line for each answer, and knows them again", async () => {
  await write("a", 1);
  await write("b");
  const lines = readFileSync(PATH, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).id)).toEqual(["a", 1, "b"]);
  expect(JSON.parse(lines[0] ?? "")).toEqual({ ...answer("a"), seed: String(2n ** 60n) });
  expect(await reopen()).toEqual({
    finished: [
      ["a", "fa"],
      [1, "f1"],
      ["b", "fb"],
    ],
    repairedBytes: 0,
  });
});

it("cuts a torn last line off, wherever it was torn", async () => {
  await write("a", "b");
  const whole = readFileSync(PATH);
  const begin = whole.indexOf("\n") + 1;
  for (let size = begin + 1; size < whole.length; size += 1) {
    writeFileSync(PATH, whole);
    truncateSync(PATH, size);
    expect(await reopen()).toEqual({ finished: [["a", "fa"]], repairedBytes: size - begin });
    expect(readFileSync(PATH)).toEqual(whole.subarray(0, begin));
  }
});

it("reads lines longer than a piece of the file", async () => {
  const long = { ...answer("long"), response: "x".repeat(3_000_000) };
  {
    await using journal = await Journal.open(PATH, { afresh: false });
    await journal.append(long);
    await journal.append(answer("after"));
  }
  expect((await reopen()).finished).toEqual([
    ["long", "flong"],
    ["after", "fafter"],
  ]);
});

describe("a file that is not its own", () => {
  it.each(["notes\n", '{"id":"a"}\n', '{"fingerprint":"x"}\n', "[1]\n", "null\n", "\n"])(
    "%j is refused and left as it is",
    async (text) => {
      await write("a");
      const before = readFileSync(PATH, "utf8") + text;
      writeFileSync(PATH, before);
      await expect(reopen()).rejects.toThrow(`${PATH}:2: not an answer of a batch`);
      expect(readFileSync(PATH, "utf8")).toBe(before);
    },
  );

  it("is emptied when that is asked for", async () => {
    writeFileSync(PATH, "notes\n");
    expect(await reopen(true)).toEqual({ finished: [], repairedBytes: 0 });
    expect(readFileSync(PATH, "utf8")).toBe("");
  });

  it("that is a folder or in no folder is refused", async () => {
    await expect(Journal.open(folder, { afresh: false })).rejects.toThrow(
      /cannot write .*director/,
    );
    const nowhere = join(folder, "no", "answers.jsonl");
    await expect(Journal.open(nowhere, { afresh: false })).rejects.toThrow(/no such file/);
    rmSync(`${folder}.lock`, { force: true });
  });
});

describe("the lock", () => {
  it("keeps a second writer out until the first has ended", async () => {
    {
      await using _ = await Journal.open(PATH, { afresh: false });
      await expect(reopen()).rejects.toThrow(`process ${process.pid} is writing to ${PATH}`);
    }
    await reopen();
  });

  it("of a process that was killed does not count", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    for (const left of [`${pid}\n`, ""]) {
      writeFileSync(`${PATH}.lock`, left);
      await reopen();
    }
  });
});
