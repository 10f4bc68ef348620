import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AtomicFolder } from "../../../src/convert/atomic-folder.ts";
import { NotFoundError, UsageError } from "../../../src/errors.ts";
import { tempDir } from "../../support/temp-dir.ts";

function checkpoint(parent: string, content: string): string {
  const path = join(parent, "model");
  mkdirSync(path);
  writeFileSync(join(path, "config.json"), content);
  return path;
}

test("appears complete, in the place of an older one", async () => {
  const parent = tempDir();
  const path = checkpoint(parent, "older");
  writeFileSync(join(path, "model-00002-of-00002.safetensors"), "of the older one");
  const folder = await AtomicFolder.create(path);
  writeFileSync(join(folder.temporary, "config.json"), "newer");
  expect(readFileSync(join(path, "config.json"), "utf8")).toBe("older");
  await folder.commit();
  expect(readdirSync(parent)).toEqual(["model"]);
  expect(readdirSync(path)).toEqual(["config.json"]);
  expect(readFileSync(join(path, "config.json"), "utf8")).toBe("newer");
});

test("given up, it leaves what was there", async () => {
  const parent = tempDir();
  const path = checkpoint(parent, "older");
  const folder = await AtomicFolder.create(path);
  writeFileSync(join(folder.temporary, "config.json"), "newer");
  await folder.abort();
  await folder.abort();
  expect(readdirSync(parent)).toEqual(["model"]);
  expect(readFileSync(join(path, "config.json"), "utf8")).toBe("older");
});

test("takes an empty folder, and no other", async () => {
  const parent = tempDir();
  mkdirSync(join(parent, "empty"));
  await (await AtomicFolder.create(join(parent, "empty"))).commit();
  mkdirSync(join(parent, "letters"));
  writeFileSync(join(parent, "letters", "a.txt"), "mine");
  await expect(AtomicFolder.create(join(parent, "letters"))).rejects.toThrow(UsageError);
  writeFileSync(join(parent, "file"), "mine");
  await expect(AtomicFolder.create(join(parent, "file"))).rejects.toThrow(/is not a directory/);
  await expect(AtomicFolder.create(join(parent, "no", "where"))).rejects.toThrow(NotFoundError);
  expect(readdirSync(parent).sort()).toEqual(["empty", "file", "letters"]);
});
