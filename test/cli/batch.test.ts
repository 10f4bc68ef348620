import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { finish, runCli, runShell, startCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");
const SETTINGS = ["-m", MODEL, "-n", "12", "--seed", "7"];
const folder = mkdtempSync(join(tmpdir(), "bitnet-batch-"));
afterAll(() => rmSync(folder, { recursive: true }));
const INPUT = join(folder, "in.jsonl");
const OUTPUT = join(folder, "out.jsonl");
beforeEach(() => {
  rmSync(OUTPUT, { force: true });
  rmSync(`${OUTPUT}.lock`, { force: true });
});

const PROMPTS = ["the king", "a", "one two three four", "the river of the", "x", "in the"];
const write = (...lines: readonly unknown[]) =>
  writeFileSync(INPUT, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
const batch = (...args: string[]) => runCli(["run", "-q", "--batch", INPUT, ...SETTINGS, ...args]);
const parse = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
const outputLines = () => parse(readFileSync(OUTPUT, "utf8"));

describe("answers", () => {
  it("are those that each prompt has alone, whatever runs beside it", async () => {
    write(...PROMPTS.map((prompt, i) => ({ id: `p${i}`, prompt })));
    const alone = await Promise.all(
      PROMPTS.map(
        async (prompt) => (await runCli(["run", "-q", ...SETTINGS, "-p", prompt])).stdout,
      ),
    );
    for (const parallel of ["1", "3", "20"]) {
      const { status, stdout, stderr } = await batch("--parallel", parallel);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const answers = parse(stdout);
      expect(answers.map(({ id }) => id)).toEqual(PROMPTS.map((_, i) => `p${i}`));
      expect(answers.map(({ response }) => response)).toEqual(alone);
    }
  });

  it("come without a warning, however many there are at once", async () => {
    write(...Array.from({ length: 24 }, (_, id) => ({ id, prompt: "the king" })));
    const { stderr, stdout } = await batch("--parallel", "24", "-n", "2");
    expect({ stderr, answers: parse(stdout).length }).toEqual({ stderr: "", answers: 24 });
  });

  it("follow the options of their line", async () => {
    write(
      { prompt: "the king", max_tokens: 3, seed: 1 },
      { prompt: "the king", temperature: 0 },
      { messages: [{ role: "user", content: "hi" }], nPredict: 2 },
    );
    const answers = parse((await batch()).stdout);
    const alone = async (...args: string[]) =>
      (await runCli(["run", "-q", ...SETTINGS, ...args])).stdout;
    expect(answers.map(({ response }) => response)).toEqual([
      await alone("-p", "the king", "-n", "3", "--seed", "1"),
      await alone("-p", "the king", "--temp", "0"),
      await alone("-p", "hi", "-cnv", "-n", "2"),
    ]);
    expect(answers.map(({ seed }) => seed)).toEqual([1, 7, 7]);
  });

  it("come as soon as they are there with --order finish", async () => {
    write({ id: "long", prompt: "a", nPredict: 450 }, { id: "short", prompt: "a", nPredict: 1 });
    const ids = async (...args: string[]) =>
      parse((await batch("--temp", "2", ...args)).stdout).map(({ id }) => id);
    expect(await ids()).toEqual(["long", "short"]);
    expect(await ids("--order", "finish")).toEqual(["short", "long"]);
  });

  it("take the system message of the command line", async () => {
    const user = { role: "user", content: "hi" };
    write(
      { messages: [user] },
      { messages: [{ role: "system", content: "be brief" }, user] },
      { messages: [{ role: "system", content: "x" }, user] },
    );
    const tokens = parse((await batch("-sys", "be brief", "-n", "1")).stdout).map(
      ({ usage }) => usage.promptTokens,
    );
    expect(tokens[0]).toBe(tokens[1]);
    expect(tokens[2]).toBeLessThan(tokens[0]);
  });
});

describe("bad lines", () => {
  it("have an error each, and stop no other", async () => {
    writeFileSync(
      INPUT,
      `{"id":"a","prompt":"x"}\nbroken\n\n{"id":"c","prompt":"x","topP":2}\n{"id":"d","prompt":"${"the ".repeat(600)}"}\n{"id":"e","prompt":"x","metadata":{"k":1}}`,
    );
    const { status, stdout, stderr } = await runCli(["run", "--batch", INPUT, ...SETTINGS]);
    expect(status).toBe(1);
    const answers = parse(stdout);
    expect(answers.map(({ id, line, status: how }) => [id, line, how])).toEqual([
      ["a", 1, "ok"],
      [2, 2, "error"],
      ["c", 4, "error"],
      ["d", 5, "error"],
      ["e", 6, "ok"],
    ]);
    expect(answers.map(({ error }) => error?.code)).toEqual([
      undefined,
      "E_USAGE",
      "E_USAGE",
      "E_RESOURCE",
      undefined,
    ]);
    expect(answers[4].metadata).toEqual({ k: 1 });
    expect(stderr).toMatch(
      /5 requests: 2 ok, 3 failed, 0 done before; .*\nwarning: 3 requests failed: look for "status":"error"\n$/,
    );
  });

  it.each([
    [
      "an id that occurs twice",
      '{"id":1,"prompt":"x"}\n{"id":1,"prompt":"y"}\n',
      /the id 1 is that/,
    ],
    ["text that is not UTF-8", Buffer.from([0x22, 0xff, 0x22]), /is not UTF-8 text/],
  ])("%s: nothing is begun", async (_, content, message) => {
    writeFileSync(INPUT, content);
    const { status, stdout, stderr } = await batch("-o", OUTPUT);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(existsSync(`${OUTPUT}.lock`)).toBe(false);
  });

  it("a missing file", async () => {
    const { status, stderr } = await runCli(["run", "--batch", join(folder, "no.jsonl")]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error: cannot read .*no\.jsonl: no such file or directory\n$/);
  });
});

it.each([
  [["run", "--parallel", "2", "-p", "x"], "--parallel needs --batch"],
  [["run", "-o", "x", "-p", "x"], "--output needs --batch"],
  [["run", "--batch", "x", "-p", "x"], "--batch and --prompt exclude one another"],
  [["run", "--batch", "x", "--ndjson"], "--batch and --ndjson exclude one another"],
  [["run", "--batch", "x", "--json"], "--json prints the summary of a batch and needs --output"],
])("%j is refused", async (args, message) => {
  const { status, stderr } = await runCli(args);
  expect(status).toBe(2);
  expect(stderr).toMatch(`error: ${message}`);
});

describe("--output", () => {
  it("--json prints the summary", async () => {
    write({ prompt: "x" }, { prompt: 1 });
    const { status, stdout } = await batch("-o", OUTPUT, "--json");
    expect(status).toBe(1);
    const { timing, peakMemoryBytes, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({
      output: OUTPUT,
      requests: { total: 2, skipped: 0, ok: 1, failed: 1 },
      usage: { promptTokens: 2, generatedTokens: 12 },
    });
    expect(Object.keys(timing)).toEqual([
      "totalMs",
      "meanMs",
      "requestsPerSecond",
      "generatedTokensPerSecond",
    ]);
    expect(peakMemoryBytes).toBeGreaterThan(1e6);
  });

  it("skips what is done, and loads no model for nothing", async () => {
    write({ id: "a", prompt: "x" });
    await batch("-o", OUTPUT);
    const first = readFileSync(OUTPUT, "utf8");
    const again = await runCli(["run", "--batch", INPUT, ...SETTINGS, "-o", OUTPUT]);
    expect(again.status).toBe(0);
    expect(again.stderr).toMatch(/^1 of 1 requests are answered already\n1 requests: 0 ok, /);
    expect(readFileSync(OUTPUT, "utf8")).toBe(first);
    appendFileSync(INPUT, '{"id":"b","prompt":"y"}\n');
    await batch("-o", OUTPUT);
    expect(outputLines().map(({ id }) => id)).toEqual(["a", "b"]);
    const piped = await runCli(["run", "--batch", "-", ...SETTINGS, "-o", OUTPUT, "--json"], {
      input: readFileSync(INPUT),
    });
    expect(JSON.parse(piped.stdout).requests).toMatchObject({ total: 2, skipped: 2 });
  });

  it("does not take answers with other settings for these", async () => {
    write({ id: "a", prompt: "x" });
    await batch("-o", OUTPUT);
    const other = await batch("-o", OUTPUT, "--temp", "0");
    expect(other).toMatchObject({
      status: 2,
      stderr:
        'error: line 1: the output has an answer for "a", to another request or with other settings\n' +
        "hint: name another --output, or start over with --force\n",
    });
    const threads = await batch("-o", OUTPUT, "-t", "1", "--parallel", "2");
    expect(threads.status).toBe(0);
    await batch("-o", OUTPUT, "--temp", "0", "--force");
    expect(outputLines()).toHaveLength(1);
  });

  it("killed at ten moments and started again, nothing is lost or doubled", async () => {
    const ids = Array.from({ length: 60 }, (_, i) => `r${i}`);
    write(...ids.map((id, i) => ({ id, prompt: PROMPTS[i % PROMPTS.length], seed: i })));
    const whole = parse((await batch()).stdout);
    for (let kill = 0; kill < 10; kill += 1) {
      const done = existsSync(OUTPUT) ? readFileSync(OUTPUT).length : 0;
      const child = startCli(["run", "-q", "--batch", INPUT, ...SETTINGS, "-o", OUTPUT]);
      const finished = finish(child);
      // Somewhere in the writing of the next answers.
      while (!existsSync(OUTPUT) || readFileSync(OUTPUT).length <= done + kill * 150) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      child.kill("SIGKILL");
      await finished;
      expect(child.signalCode, "it ended before it was killed").toBe("SIGKILL");
      if (kill % 3 === 2) appendFileSync(OUTPUT, '{"id":"r59","line":60,"sta'); // torn
    }
    const last = await batch("-o", OUTPUT, "--json");
    expect(last.status).toBe(0);
    expect(JSON.parse(last.stdout).requests).toMatchObject({ total: 60, failed: 0 });
    const untimed = ({ timing, ...rest }: Record<string, unknown>) => rest;
    expect(outputLines().map(untimed)).toEqual(whole.map(untimed));
  }, 120_000);

  it("refuses a file of something else", async () => {
    write({ prompt: "x" });
    writeFileSync(OUTPUT, "my notes\n");
    const { status, stderr } = await batch("-o", OUTPUT);
    expect(status).toBe(2);
    expect(stderr).toMatch(/out\.jsonl:1: not an answer of a batch\nhint: /);
    expect(readFileSync(OUTPUT, "utf8")).toBe("my notes\n");
  });
});

describe("being stopped", () => {
  const ENDLESS = ["-n", "-1", "--logit-bias", "497=-inf", "--logit-bias", "505=-inf"];

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s keeps the answers that there are", async (signal, status) => {
    write({ id: "short", prompt: "x", nPredict: 1 }, ...PROMPTS.map((prompt) => ({ prompt })));
    const args = ["--batch", INPUT, "-m", MODEL, ...ENDLESS, "-o", OUTPUT, "--json"];
    const child = startCli(["run", ...args, "--parallel", "2"]);
    const finished = finish(child);
    while (!existsSync(OUTPUT) || readFileSync(OUTPUT).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    child.kill(signal);
    const result = await finished;
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(
      /\d answers are kept: the same command goes on from there\ncancelled\n$/,
    );
    expect(JSON.parse(result.stdout)).toEqual({
      error: { code: "E_CANCELLED", message: "cancelled" },
    });
    expect(outputLines()[0]).toMatchObject({ id: "short", status: "ok" });
    expect(outputLines().every(({ finishReason }) => finishReason !== "cancelled")).toBe(true);
    expect(existsSync(`${OUTPUT}.lock`)).toBe(false);
  });

  it("SIGINT while standard input gives nothing", async () => {
    const child = startCli(["run", "--batch", "-", ...SETTINGS]);
    const finished = finish(child);
    child.stdin?.write('{"prompt":"x"}\n');
    child.stdout?.once("data", () => child.kill("SIGINT"));
    expect(await finished).toMatchObject({
      status: 130,
      stderr: expect.stringMatching(/cancelled\n$/),
    });
  });

  it("a reader that goes away ends it quietly with status 0", async () => {
    const { stdout, stderr } = await runShell(
      `yes '{"prompt":"x"}' | bitnet run -q --batch - ${SETTINGS.join(" ")} | head -n 2 | wc -l; echo "status \${PIPESTATUS[1]}"`,
    );
    expect(stdout.split("\n").map((line) => line.trim())).toEqual(["2", "status 0", ""]);
    expect(stderr).toBe("");
  });
});
