import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors.ts";
import { SHORT_NAMES } from "../../../src/hub/names.ts";
import { isSafePath, parseRepoRef } from "../../../src/hub/resolve.ts";

describe("names of models", () => {
  it.each([
    ["2b4t", { repo: "microsoft/bitnet-b1.58-2B-4T-gguf" }],
    ["2B4T", { repo: "microsoft/bitnet-b1.58-2B-4T-gguf" }],
    ["bonsai-8b:PQ2_0", { repo: "prism-ml/Ternary-Bonsai-8B-gguf", file: "PQ2_0" }],
    ["org/name", { repo: "org/name" }],
    ["org/name@v1.0", { repo: "org/name", revision: "v1.0" }],
    [
      "org/name:sub/m.gguf@refs/pr/1",
      { repo: "org/name", file: "sub/m.gguf", revision: "refs/pr/1" },
    ],
    ["https://huggingface.co/org/name", { repo: "org/name" }],
    ["hf.co/org/name/", { repo: "org/name" }],
    ["hf:org/name:Q2_0", { repo: "org/name", file: "Q2_0" }],
  ])("%s", (given, expected) => {
    expect(parseRepoRef(given)).toEqual({
      given,
      file: undefined,
      revision: undefined,
      ...expected,
    });
  });

  it.each([
    "model.gguf",
    "./org/name",
    "/org/name",
    "org/",
    "a/b/c",
    "../a",
    "org/..",
    "",
    "2b5t",
    "a b/c",
  ])("%j is none", (given) => {
    expect(parseRepoRef(given)).toBeUndefined();
  });

  it.each(["org/name:../x.gguf", "org/name:/etc/x.gguf", "org/name@../../x", "org/name:C:\\x"])(
    "%s points outside",
    (given) => {
      expect(() => parseRepoRef(given)).toThrow(UsageError);
    },
  );

  it("short names are distinct, and each is a repository", () => {
    const names = SHORT_NAMES.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    for (const { repo } of SHORT_NAMES) expect(parseRepoRef(repo)?.repo).toBe(repo);
  });

  it("paths that leave a folder are not safe", () => {
    expect(["a", "a/b.c", "..a"].every(isSafePath)).toBe(true);
    expect(["", "/a", "a/../b", "a//b", "a\\b", "c:d", "a/\0"].some(isSafePath)).toBe(false);
  });
});
