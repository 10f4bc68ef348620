import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { expandEscapes, readPrompt } from "../../../src/cli/prompt.ts";
import { NotFoundError, UsageError } from "../../../src/errors.ts";
import { fileTree } from "../../support/run-script.ts";

const TTY = Object.assign(new Readable({ read: () => undefined }), { isTTY: true });
const { signal } = new AbortController();
const NONE = { prompt: undefined, file: undefined, escape: false };
const read = (
  options: Partial<typeof NONE | { prompt: string; file: string; escape: boolean }>,
  stdin = TTY as Readable,
) => readPrompt({ ...NONE, ...options }, { stdin, signal });

describe("the prompt", () => {
  it("is the text of -p, empty or not", async () => {
    expect(await read({ prompt: "a\n" })).toBe("a\n");
    expect(await read({ prompt: "" })).toBe("");
  });

  it("is standard input for -p -, for -f - and when nothing else is given", async () => {
    for (const options of [{ prompt: "-" }, { file: "-" }, {}]) {
      expect(await read(options, Readable.from([Buffer.from("a\nb\n\n")]))).toBe("a\nb\n");
    }
  });

  it("is missing on a terminal, and when standard input is empty", async () => {
    expect(await read({})).toBeUndefined();
    expect(await read({}, Readable.from([]))).toBeUndefined();
    expect(await read({ prompt: "-" }, Readable.from([]))).toBe("");
  });

  it("is a file without its last line feed", async () => {
    using tree = fileTree({ "p.txt": "\ufeffa\r\nb\r\n" });
    expect(await read({ file: join(tree.path, "p.txt") })).toBe("a\r\nb");
  });

  it("survives characters cut between chunks", async () => {
    const bytes = Buffer.from("\u00e9\u{1f600}");
    const chunks = [...bytes].map((byte) => Buffer.of(byte));
    expect(await read({}, Readable.from(chunks))).toBe("\u00e9\u{1f600}");
  });

  it("processes escapes in -p only on request", async () => {
    expect(await read({ prompt: "a\\nb" })).toBe("a\\nb");
    expect(await read({ prompt: "a\\nb", escape: true })).toBe("a\nb");
    expect(expandEscapes("\\\\n\\t\\q\\'\\")).toBe("\\n\t\\q'\\");
  });
});

describe("errors", () => {
  it("name what cannot be read", async () => {
    using tree = fileTree({ "latin1.txt": "" });
    const path = join(tree.path, "latin1.txt");
    await writeFile(path, Buffer.of(0x61, 0xe9));
    await expect(read({ file: path })).rejects.toThrow(UsageError);
    await expect(read({ file: path })).rejects.toThrow(`the text from ${path} is not UTF-8`);
    await expect(read({ file: tree.path })).rejects.toThrow(NotFoundError);
    await expect(read({ file: join(tree.path, "no") })).rejects.toThrow(/no such file/);
    await expect(read({ prompt: "a", file: "b" })).rejects.toThrow(UsageError);
  });

  it("a cancelled read ends", async () => {
    const stop = new AbortController();
    const reading = readPrompt(
      { ...NONE, prompt: "-" },
      { stdin: new Readable({ read: () => undefined }), signal: stop.signal },
    );
    stop.abort();
    await expect(reading).rejects.toThrow(/aborted/);
  });
});
