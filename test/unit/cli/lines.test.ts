import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readTexts } from "../../../src/cli/lines.ts";
import { LORA } from "../../../src/cli/lora.ts";
import { UsageError } from "../../../src/errors.ts";
import { tempDir } from "../../support/temp-dir.ts";

const NONE = { prompt: undefined, file: undefined, escape: false };

function stdin(...chunks: (string | Buffer)[]) {
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  return { stdin: Object.assign(stream, { isTTY: false }), signal: new AbortController().signal };
}

async function texts(
  options: { prompt?: string; file?: string; escape?: boolean },
  input = stdin(),
): Promise<string[] | undefined> {
  const found = await readTexts({ ...NONE, ...options }, input);
  if (!found) return undefined;
  const all: string[] = [];
  for await (const text of found) all.push(text);
  return all;
}

describe("readTexts", () => {
  it("takes -p as one text", async () => {
    expect(await texts({ prompt: "a\nb" })).toEqual(["a\nb"]);
    expect(await texts({ prompt: "a\\nb", escape: true })).toEqual(["a\nb"]);
    expect(await texts({ prompt: "-" }, stdin("a\nb\n"))).toEqual(["a\nb"]);
  });

  it("takes every line of standard input, wherever it is cut", async () => {
    const bytes = Buffer.from("one\r\nzw\u00f6lf\n\u{1f600}");
    for (let at = 0; at <= bytes.length; at++) {
      const input = stdin(bytes.subarray(0, at), bytes.subarray(at));
      expect(await texts({}, input)).toEqual(["one", "zw\u00f6lf", "\u{1f600}"]);
    }
    expect(await texts({ file: "-" }, stdin("a\nb\n"))).toEqual(["a", "b"]);
    expect(await texts({}, stdin())).toEqual([]);
  });

  it("takes every line of a file", async () => {
    const file = join(tempDir(), "texts.txt");
    writeFileSync(file, "a\nb\n");
    expect(await texts({ file })).toEqual(["a", "b"]);
  });

  it("waits for nothing on a terminal", async () => {
    const input = stdin();
    input.stdin.isTTY = true;
    expect(await texts({}, input)).toBeUndefined();
  });

  it("names an empty text", async () => {
    await expect(texts({ prompt: "" })).rejects.toThrow("the text is empty");
    await expect(texts({ prompt: "-" }, stdin())).rejects.toThrow(UsageError);
  });

  it("names an empty line, text in another encoding, and a missing file", async () => {
    await expect(texts({}, stdin("a\n\nb\n"))).rejects.toThrow("line 2 of standard input is empty");
    await expect(texts({}, stdin(Buffer.from([0x61, 0xff, 0x0a])))).rejects.toThrow(UsageError);
    await expect(texts({}, stdin(Buffer.from([0x61, 0xc3])))).rejects.toThrow(/not UTF-8/);
    await expect(texts({ file: "/nonexistent" })).rejects.toMatchObject({ code: "E_NOT_FOUND" });
    await expect(texts({ prompt: "a", file: "b" })).rejects.toThrow(/exclude one another/);
  });
});

it.each([
  ["adapter", { path: "adapter" }],
  ["./a/b:0.5", { path: "./a/b", scale: 0.5 }],
  ["a:-2", { path: "a", scale: -2 }],
  ["a:.5", { path: "a", scale: 0.5 }],
  ["C:\\a", { path: "C:\\a" }],
  ["a:b:1", { path: "a:b", scale: 1 }],
  ["a:1:b", { path: "a:1:b" }],
  [":1", { path: ":1" }],
  ["", undefined],
])("--lora %s", (text, expected) => {
  expect(LORA.parse(text)).toEqual(expected);
});
