import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { NotFoundError, ResourceError } from "../../../src/errors.ts";
import {
  checkLineLength,
  readBytesOfText,
  readTextFile,
  readWhole,
  writeTextFile,
} from "../../../src/gguf/text.ts";
import { tempDir } from "../../support/temp-dir.ts";

const { signal } = new AbortController();

it("reads a stream in pieces, a file and a device", async () => {
  const path = join(tempDir(), "a.txt");
  writeFileSync(path, "zw\u00f6lf");
  expect((await readWhole(Readable.from(["ab", "c"]), "here")).toString()).toBe("abc");
  expect(await readTextFile(path)).toBe("zw\u00f6lf");
  expect(await readBytesOfText(path, signal)).toEqual(Buffer.from("zw\u00f6lf"));
  expect(await readTextFile("/dev/null")).toBe("");
});

it("stops at what has no end, before it fills the memory", async () => {
  let read = 0;
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(++read && 1000);
    })(),
  );
  await expect(readWhole(endless, "/dev/zero", { maxBytes: 2 ** 20 })).rejects.toEqual(
    new ResourceError("/dev/zero is too long: a text has 1 MiB at most", {
      hint: "is it the right file?",
    }),
  );
  expect(read).toBeLessThan(1200);
  expect(() => checkLineLength("x".repeat(2 ** 24 + 1), "a")).toThrow(ResourceError);
  expect(() => checkLineLength("x".repeat(2 ** 24), "a")).not.toThrow();
});

it("writes a text whole, in place of an older one, or not at all", async () => {
  const folder = tempDir();
  const [path, link] = [join(folder, "a.txt"), join(folder, "link")];
  writeFileSync(path, "old");
  symlinkSync("a.txt", link);
  await writeTextFile(link, "new");
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(readdirSync(folder).sort()).toEqual(["a.txt", "link"]);
  await writeTextFile("/dev/null", "x");
  await expect(writeTextFile("/dev/full", "x")).rejects.toThrow(ResourceError);
  const lost = join(folder, "none/a.txt");
  await expect(writeTextFile(lost, "x")).rejects.toThrow(`${lost} cannot be written (ENOENT)`);
});

it("says what cannot be read", async () => {
  await expect(readBytesOfText("/nonexistent", signal)).rejects.toThrow(NotFoundError);
  await expect(readTextFile("/nonexistent")).rejects.toMatchObject({ code: "ENOENT" });
});

it("ends when it is told to", async () => {
  const stop = new AbortController();
  const waiting = readWhole(new Readable({ read: () => undefined }), "a", { signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
});
