import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { type HubServer, startSuiteHub } from "../support/hub-server.ts";
import { problemsOf } from "../support/json/check.ts";
import { DOCUMENTS, type DocumentName } from "../support/json/documents.ts";
import { suiteDir } from "../support/temp-dir.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");
const dir = suiteDir();
const at = (name: string) => join(dir, name);
const TEXT = "Once upon a time there was a cat. The cat was small.";
const BRIEF = ["bench", "-m", MODEL, "-r", "1", "-p", "8", "-n", "2", "-t", "1", "--no-limits"];

let hub: HubServer;
let env: Record<string, string>;
beforeAll(async () => {
  hub = await startSuiteHub({ "org/gguf": { files: { "m-i2_s.gguf": readFileSync(MODEL) } } });
  env = { ...hub.env(at("home")), XDG_STATE_HOME: at("state") };
  writeFileSync(at("in.jsonl"), '{"prompt":"a"}\n{"id":"x","prompt":1,"metadata":[1]}\n');
});

/** [what is printed, by what, from which input]: in this order: the repository that is set up is removed later. */
const RUNS: [DocumentName, readonly string[], string?][] = [
  ["run", ["run", "-m", MODEL, "-p", "a", "-n", "2", "--json", "--logprobs", "1"]],
  ["run", ["run", "-m", MODEL, "-p", "a", "-n", "8", "--json", "--stop", "a", "--stop", "e"]],
  [
    "run summary",
    ["run", "-m", MODEL, "--batch", at("in.jsonl"), "-n", "2", "-o", at("out"), "--json"],
  ],
  ["embed", ["embed", "-m", MODEL, "a", "--json"]],
  ["embed line", ["embed", "-m", MODEL, "a", "--format", "jsonl"]],
  ["perplexity", ["perplexity", "-m", MODEL, "-c", "4", "--json"], TEXT],
  ["perplexity", ["perplexity", "-m", MODEL, "-c", "4", "--compare", MODEL, "--json"], TEXT],
  ["bench", [...BRIEF, "--json", "--assume-watts", "10", "--save", at("old.json")]],
  ["bench", [...BRIEF, "--json", "--compare", at("old.json"), "--noise", "100"]],
  ["bench line", [...BRIEF, "-n", "0", "-o", "jsonl"]],
  ["tune forget", ["tune", "-m", MODEL, "--forget", "--json"]],
  ["setup", ["setup", "org/gguf", "--json"]],
  ["setup names", ["setup", "--json"]],
  ["models", ["models", "--json"]],
  ["models show", ["models", "show", "org/gguf", "--json"]],
  ["models path", ["models", "path", "org/gguf", "--json"]],
  ["models rm", ["models", "rm", "org/gguf", "--force", "--json"]],
  ["convert", ["convert", MODEL, "-o", at("a.gguf"), "--verify", "--json"]],
  ["info", ["info", "--json"]],
  ["info probe", ["info", MODEL, "--probe", "--json"]],
  ["info metadata", ["info", MODEL, "--metadata", "--json"]],
  ["info config", ["info", "--config", "--json"]],
  ["doctor", ["doctor", MODEL, "--recommend", "edge", "--json"]],
  ["error", ["run", "-m", at("none"), "-p", "a", "--json"]],
];

describe("what is printed is what docs/JSON.md says", () => {
  for (const [name, args, input = ""] of RUNS) {
    it(`${name}: ${args.join(" ")}`, { timeout: 120_000 }, async () => {
      const { stdout, stderr } = await runCli(args, { env, input });
      expect(stdout, stderr).not.toBe("");
      expect(problemsOf(name, JSON.parse(stdout))).toEqual([]);
    });
  }

  const lines = async (args: readonly string[], input = "") => {
    const { stdout } = await runCli(args, { env, input });
    return stdout
      .trimEnd()
      .split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line));
  };
  /** The documents of lines, by what tells them apart. */
  async function check(
    found: Promise<readonly Record<string, unknown>[]>,
    nameOf: (line: Record<string, unknown>) => DocumentName,
    expected: readonly DocumentName[],
  ): Promise<void> {
    const names = (await found).map((line) => [nameOf(line), line] as const);
    expect(names.flatMap(([name, line]) => problemsOf(name, line))).toEqual([]);
    expect(new Set(names.map(([name]) => name))).toEqual(new Set(expected));
  }

  it("run --ndjson", () =>
    check(
      lines(["run", "-m", MODEL, "-p", "a", "-n", "3", "--ndjson", "--logprobs", "1"]),
      ({ type }) => `run ${type}` as DocumentName,
      ["run token", "run done"],
    ));

  it("run --batch", () =>
    check(
      lines(["run", "-m", MODEL, "--batch", at("in.jsonl"), "-n", "2"]),
      ({ status }) => (status === "ok" ? "run answer" : "run failure"),
      ["run answer", "run failure"],
    ));

  it("chat --json and --ndjson", async () => {
    const args = ["chat", "-m", MODEL, "-n", "3", "--temp", "0"];
    await check(lines([...args, "--json"], "a\nb\n"), () => "chat", ["chat"]);
    await check(lines([...args, "--ndjson"], "a\n"), ({ type }) => `chat ${type}` as DocumentName, [
      "chat token",
      "chat done",
    ]);
  });
});

/** The first are checked in tests of their commands; the last compiles for minutes. */
const ELSEWHERE: readonly DocumentName[] = ["tune", "serve", "setup native"];
const LINES: readonly DocumentName[] = [
  "run token",
  "run done",
  "run answer",
  "run failure",
  "chat",
  "chat token",
  "chat done",
];

it("no output is left out", () => {
  const tried = [...RUNS.map(([name]) => name), ...LINES, ...ELSEWHERE];
  expect([...new Set(tried)].sort()).toEqual(Object.keys(DOCUMENTS).sort());
});

it("a field that is not described, missing or of another type is found", () => {
  const fine = { path: "/a" };
  expect(problemsOf("models path", fine)).toEqual([]);
  for (const wrong of [{ ...fine, more: 1 }, {}, { path: 1 }, [], null]) {
    expect(problemsOf("models path", wrong), JSON.stringify(wrong)).not.toEqual([]);
  }
  expect(
    problemsOf("setup names", { names: [{ name: "a", repo: "b", about: "c", x: 1 }] }),
  ).not.toEqual([]);
});
