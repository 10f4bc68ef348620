import { join } from "node:path";
import { expect, it } from "vitest";
import { fileTree, runScript } from "../../support/run-script.ts";

const TSCONFIG = JSON.stringify({
  compilerOptions: { lib: ["es2023"], types: [], strict: true, noEmit: true },
  include: ["."],
});

const SOURCE = `
declare function save(): Promise<void>;
declare function maybe(): Promise<void> | undefined;
declare const reply: { then(done: () => void): void };
export async function main(): Promise<void> {
  save();
  maybe();
  save().then(() => {});
  save().finally(() => {});
  await save();
  void save();
  save().catch(() => {});
  save().then(() => {}, () => {});
  save().catch(() => {}).finally(() => {});
  reply.then(() => {});
}
`;

it("finds promises that nobody awaits, handles or drops", () => {
  using tree = fileTree({ "tsconfig.json": TSCONFIG, "a.ts": SOURCE });
  const { status, text } = runScript("check-promises.mjs", [join(tree.path, "tsconfig.json")]);
  const lines = [...text.matchAll(/a\.ts:(\d+):/g)].map(([, line]) => Number(line));
  expect(lines.sort()).toEqual([6, 7, 8, 9]);
  expect(text).toContain("promises: 1 files, 4 left alone");
  expect(status).toBe(1);
});
