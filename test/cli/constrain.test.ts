import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { isValid } from "../support/json-schema.ts";

const SCHEMA = {
  type: "object",
  properties: { city: { type: "string", maxLength: 12 }, n: { type: "integer", maximum: 9 } },
  required: ["city", "n"],
};

let folder: string;
let schemaFile: string;
let grammarFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bitnet-constrain-"));
  schemaFile = join(folder, "schema.json");
  grammarFile = join(folder, "answer.ebnf");
  await writeFile(schemaFile, JSON.stringify(SCHEMA, undefined, 2));
  await writeFile(grammarFile, 'root ::= "yes" | "no"\n');
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => runCli(["run", "-p", "Once", "-s", "1", ...args]);

describe("run with a form", () => {
  it("answers with JSON that is valid for a schema, from a file or as it is", async () => {
    const [file, inline] = await Promise.all([
      run("--json-schema", schemaFile),
      run("--json-schema", JSON.stringify(SCHEMA)),
    ]);
    expect(file.status).toBe(0);
    expect(isValid(SCHEMA, JSON.parse(file.stdout))).toBe(true);
    expect(inline.stdout).toBe(file.stdout);
  });

  it("answers with a text of a grammar, and says that it is whole", async () => {
    const { stdout, status } = await run("--grammar", grammarFile, "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ finishReason: "stop", complete: true });
    expect(["yes", "no"]).toContain(JSON.parse(stdout).text);
  });

  it("says when a limit cut the text short, with status 1", async () => {
    const cut = await run("--json-object", "-n", "3");
    expect(cut.status).toBe(1);
    expect(cut.stdout).toMatch(/^\{/);
    expect(cut.stderr).toContain("the text is not whole: cut off by -n");
    const events = await run("--json-object", "-n", "3", "--ndjson");
    expect(JSON.parse(events.stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
      type: "done",
      finishReason: "length",
      complete: false,
    });
  });

  it.each([
    [["--json-schema", '{"not":{}}'], 2, 'schema: /: keyword "not" is not supported'],
    [["--json-schema", "{no"], 2, "--json-schema: not JSON"],
    [["--json-schema", "no-such.json"], 3, "no-such.json"],
    [["--grammar", 'root ::= "a" b'], 2, 'Rule "b" is not defined'],
    [["--grammar", 'root ::= "a"', "--json-object"], 2, "exclude one another"],
  ])("refuses what is wrong: %j", async (args, status, words) => {
    const result = await run(...args);
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(words);
    expect(result.stdout).toBe("");
  });
});

describe("a batch with forms", () => {
  it("has one for all and others line by line, wrong ones among them", async () => {
    const input = join(folder, "in.jsonl");
    const lines = [
      { id: "own", prompt: "Once", json_schema: { type: "integer", minimum: 5, maximum: 7 } },
      { id: "grammar", prompt: "Once", grammar: 'root ::= "q" [0-9]' },
      { id: "common", prompt: "Once" },
      { id: "bad", prompt: "Once", jsonSchema: { if: {} } },
      { id: "worse", prompt: "Once", grammar: "root ::= " },
      { id: "two", prompt: "Once", grammar: 'root ::= "a"', jsonObject: true },
      { id: "cut", prompt: "Once", jsonObject: true, max_tokens: 2 },
    ];
    await writeFile(input, lines.map((line) => JSON.stringify(line)).join("\n"));
    const { stdout, status } = await runCli([
      "run",
      "--batch",
      input,
      "-s",
      "1",
      "--parallel",
      "4",
      "--json-schema",
      schemaFile,
    ]);
    expect(status).toBe(1);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const answers = Object.fromEntries(rows.map((row) => [row.id, row]));
    expect([5, 6, 7]).toContain(JSON.parse(answers["own"].response));
    expect(answers["grammar"].response).toMatch(/^q[0-9]$/);
    expect(isValid(SCHEMA, JSON.parse(answers["common"].response))).toBe(true);
    expect(answers["own"].complete && answers["grammar"].complete).toBe(true);
    expect(answers["cut"]).toMatchObject({ status: "ok", finishReason: "length", complete: false });
    expect(answers["bad"].error.message).toContain('keyword "if" is not supported');
    expect(answers["worse"].error.message).toContain("EBNF parser error");
    expect(answers["two"].error.message).toContain("exclude one another");
  });
});

describe("a chat with a form", () => {
  it("answers every turn in it", async () => {
    const args = ["chat", "-q", "--grammar", grammarFile];
    const { stdout, status } = await runCli(args, { input: "Hello\nAnd now?\n" });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(?:yes|no)\n(?:yes|no)\n$/);
  });
});
