import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { runCli, runShell } from "../support/cli.ts";
import { type Contract, contractOf } from "../support/contract.ts";
import { suiteDir } from "../support/temp-dir.ts";

const dir = suiteDir();
const at = (name: string) => join(dir, name);
const ENV = { HF_HOME: at("hf"), HF_HUB_OFFLINE: "1", XDG_STATE_HOME: at("state") };

beforeAll(() => {
  writeFileSync(at("text.gguf"), "no model\n");
  writeFileSync(at("empty.gguf"), "");
  writeFileSync(at("version99.gguf"), Buffer.from("GGUF\x63\0\0\0".padEnd(64, "\0")));
  mkdirSync(at("folder"));
  symlinkSync("loop.gguf", at("loop.gguf"));
});

/** The commands whose contract has something, with it. */
function having<K extends keyof Contract>(key: K): [string, NonNullable<Contract[K]>][] {
  return COMMANDS.flatMap(({ name }) => {
    const value = contractOf(name)[key];
    return value === undefined ? [] : [[name, value]];
  });
}

const inDir = (args: readonly string[]) => args.map((word) => word.replace(/^DIR/, dir));

describe.each(having("model"))("a model that %s cannot use", (name, args) => {
  it.each([
    ["missing", "missing.gguf", 3, "E_NOT_FOUND"],
    ["a text", "text.gguf", 4, "E_MODEL_FORMAT"],
    ["of a later version", "version99.gguf", 5, "E_UNSUPPORTED"],
  ])("%s", async (_, file, code, kind) => {
    const json = contractOf(name).json ? ["--json"] : [];
    const { status, stdout, stderr } = await runCli([name, ...inDir(args), at(file), ...json], {
      env: ENV,
    });
    expect(stderr).toMatch(/^error: /m);
    expect(stderr).not.toContain("\n    at ");
    expect(status).toBe(code);
    if (json.length === 0) return;
    expect(stdout.split("\n")).toHaveLength(2);
    expect(JSON.parse(stdout).error).toMatchObject({ code: kind, message: expect.any(String) });
  });
});

it.each([
  ["empty.gguf", 4],
  ["folder", 3],
  ["loop.gguf", 3],
])("a model that is nothing: %s", async (file, code) => {
  const { status, stderr } = await runCli(["info", at(file)], { env: ENV });
  expect(stderr).toMatch(/^error: (?!.*\bbug\b)/);
  expect(status).toBe(code);
});

describe.each(having("output"))("an output that %s cannot write", (name, args) => {
  it.each([
    ["a directory", "folder", /is a directory/],
    ["in no directory", "none/out", /no such file or directory/],
  ])("%s", async (_, path, message) => {
    const before = readdirSync(dir).sort();
    const { status, stdout, stderr } = await runCli([name, ...args, at(path)], { env: ENV });
    expect([2, 3]).toContain(status);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(readdirSync(dir).sort()).toEqual(before);
  });
});

describe("texts without an end are refused before they fill the memory", () => {
  it.each([
    ["run", "-f", "/dev/zero"],
    ["run", "--batch", "/dev/zero"],
    ["bench", "--compare", "/dev/zero"],
  ])("%s %s %s", async (...args) => {
    const { status, stdout, stderr } = await runCli(args, { env: ENV });
    expect({ status, stdout }).toEqual({ status: 7, stdout: "" });
    expect(stderr).toMatch(/^error: \/dev\/zero is too long: /);
  });
});

describe("without a home", () => {
  const UNSET = "unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_STATE_HOME HF_HOME; export HOME=";
  const remembers = (name: string) => name === "tune";

  it.each(having("works").filter(([name]) => !remembers(name)))(
    "%s works and leaves nothing in the current folder",
    async (name, works) => {
      const folder = at(`home-${name}`);
      mkdirSync(folder);
      const words = inDir(works).map((word) => `'${word}'`);
      const { status, stderr } = await runShell(
        `${UNSET}; cd ${folder} && bitnet ${name} ${words.join(" ")} --quiet`,
        { input: contractOf(name).input ?? "", env: { HF_HUB_OFFLINE: "1" } },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it("tune says, before the work, that nothing can be remembered", async () => {
    const { status, stderr } = await runShell(`${UNSET}; bitnet tune -q`);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error: cannot write \/dev\/null\/.*tuned\.json: /);
  });
});
