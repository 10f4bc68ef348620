import { describe, expect, it } from "vitest";
import { normalizeArgs, splitCommand } from "../../../src/cli/argv.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { flagNames, OPTIONS, type OptionKey, type OptionSpec } from "../../../src/cli/options.ts";

/** A flag that means something else to one command has two keys. */
const isShared = (key: OptionKey) => {
  const { only, listOf }: OptionSpec = OPTIONS[key];
  return only === undefined && listOf === undefined;
};
const ALL = (Object.keys(OPTIONS) as OptionKey[]).filter(isShared);
const normalize = (...args: string[]) => normalizeArgs(args, ALL).args;
const seen = (...args: string[]) => [...normalizeArgs(args, ALL).seen];

describe("single-dash long flags", () => {
  it.each([
    [["-cnv"], ["--conversation"]],
    [
      ["-temp", "0.5"],
      ["--temperature", "0.5"],
    ],
    [["-temp=0.5"], ["--temperature", "0.5"]],
    [
      ["--temp", "0.5"],
      ["--temperature", "0.5"],
    ],
    [["--temp=0.5"], ["--temperature", "0.5"]],
    [
      ["-sys", "be brief"],
      ["--system", "be brief"],
    ],
  ])("%j becomes %j", (given, expected) => {
    expect(normalize(...given)).toEqual(expected);
  });
});

describe("values are never taken for flags", () => {
  it.each([
    [["-n", "-1"]],
    [["--seed", "-5"]],
    [["-p", "-cnv"]],
    [["-p", "--temp"]],
    [["--prompt", "-"]],
    [["-p", "--"]],
    [["-p", "-temp=0.5", "--json"]],
  ])("%j stays", (given) => {
    expect(normalize(...given)).toEqual(given);
  });

  it("leaves everything behind -- alone", () => {
    expect(normalize("-v", "--", "-cnv", "--temp")).toEqual(["-v", "--", "-cnv", "--temp"]);
  });
});

describe("short flags", () => {
  it.each([
    [["-n5"], ["-n", "5"]],
    [["-n-1"], ["-n", "-1"]],
    [["-n=5"], ["-n", "5"]],
    [["-vq"], ["-v", "-q"]],
    [
      ["-vn", "5", "-cnv"],
      ["-v", "-n", "5", "--conversation"],
    ],
    [["-vp-cnv"], ["-v", "-p", "-cnv"]],
  ])("%j becomes %j", (given, expected) => {
    expect(normalize(...given)).toEqual(expected);
  });

  it("leaves what it does not know to commander", () => {
    expect(normalize("-xyz", "--nonsense=1", "-vx9")).toEqual([
      "-xyz",
      "--nonsense=1",
      "-v",
      "-x9",
    ]);
  });

  it("keeps a value that a flag must not have", () => {
    expect(normalize("--json=yes", "-cnv=yes")).toEqual(["--json=yes", "--conversation=yes"]);
  });
});

describe("which options occur", () => {
  it("is known without checking values", () => {
    expect(seen("-n", "nonsense", "--json", "-vq", "--no-color")).toEqual([
      "nPredict",
      "json",
      "verbose",
      "quiet",
      "color",
    ]);
  });

  it("does not count values", () => {
    expect(seen("-p", "--json", "--", "--quiet")).toEqual(["prompt"]);
  });
});

describe("splitCommand", () => {
  it.each([
    [["run", "-p", "x"], { command: "run", args: ["-p", "x"] }],
    [["--verbose", "run", "-p", "x"], { command: "run", args: ["--verbose", "-p", "x"] }],
    [["-q", "setup", "-q", "tl2"], { command: "setup", args: ["--quiet", "-q", "tl2"] }],
    [["--help"], { command: undefined, args: ["--help"] }],
    [[], { command: undefined, args: [] }],
    [["help", "run"], { command: "run", args: ["--help"] }],
    [["help"], { command: undefined, args: ["--help"] }],
    [["--", "run", "--", "x"], { command: "run", args: ["--", "x"] }],
    [["--"], { command: undefined, args: [] }],
  ])("%j", (given, expected) => {
    expect(splitCommand(given)).toEqual(expected);
  });
});

describe("the table of options", () => {
  const camelCase = (flag: string) =>
    flag.slice(2).replace(/-(.)/g, (_, c: string) => c.toUpperCase());

  it.each(ALL)("%s is named after its long flag", (key) => {
    const long = flagNames(OPTIONS[key].flags).find((name) => name.startsWith("--")) ?? "";
    expect(camelCase(long.replace(/^--no-/, "--"))).toBe(key);
  });

  const spellings = (keys: readonly OptionKey[]) =>
    keys.flatMap((key) => {
      const spec: OptionSpec = OPTIONS[key];
      return [...flagNames(spec.flags), ...(spec.aliases ?? [])];
    });

  it("gives no spelling to two options", () => {
    const names = spellings(ALL);
    expect(names).toEqual([...new Set(names)]);
  });

  it.each(COMMANDS)("gives no spelling to two options of $name", async ({ load }) => {
    const names = spellings((await load()).options);
    expect(names).toEqual([...new Set(names)]);
  });

  it("a letter of all commands may be an option of one", () => {
    const keys = ["quantType", "usePretuned", "quiet"] as const;
    const { args, seen } = normalizeArgs(["-q", "tl2", "-p", "--quiet"], keys);
    expect(args).toEqual(["-q", "tl2", "-p", "--quiet"]);
    expect([...seen]).toEqual(keys);
  });
});
