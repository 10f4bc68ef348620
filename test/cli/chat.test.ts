import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { finish, runCli, startCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { importScript } from "../support/run-script.ts";
import { suiteDir, tempDir } from "../support/temp-dir.ts";
import { TestTerminal } from "../support/terminal.ts";

interface MakeModel {
  makeModel(options: { output: string; format: string; shape: object }): Promise<void>;
}

const SUM = "What is 17 + 25?";
const ANSWER = "17 + 25 = 42";
const QUIET = ["-q", "--temp", "0"];
/** Without its stop tokens a model talks on. */
const ENDLESS = ["--logit-bias", "497=-inf", "--logit-bias", "505=-inf"];
const folder = suiteDir();

/** `bitnet chat` with lines in a pipe. */
function pipe(input: string, ...args: string[]) {
  return runCli(["chat", ...QUIET, ...args], { input, env: { XDG_STATE_HOME: folder } });
}

describe("lines from a pipe", () => {
  it("are turns; standard output carries the answers alone", async () => {
    const { status, stdout, stderr } = await pipe(`${SUM}\n\nHello\n`);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: `${ANSWER}\nHello! How can I help you?\n`,
      stderr: "",
    });
  });

  it("follow one another in a conversation, which `run` cannot tell from its own", async () => {
    const golden = ["-m", goldenPath("gguf/a.i2_s.gguf"), "-n", "8"];
    const { stdout } = await pipe("the \nof \n", ...golden, "--json");
    const [first, second] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const alone = await pipe("of \n", ...golden, "--json");
    const run = await runCli(["run", "-cnv", "-p", "the ", "--json", ...QUIET, ...golden]);
    expect(first.text).toBe(JSON.parse(run.stdout).text.trim());
    expect(second.text).not.toBe(JSON.parse(alone.stdout).text);
  });

  it("begin with a slash if they do", async () => {
    const { stdout } = await pipe("/help\n", "--json");
    expect(JSON.parse(stdout).usage.generatedTokens).toBeGreaterThan(0);
  });

  it("end with a line without a line feed, or at once", async () => {
    expect((await pipe(SUM)).stdout).toBe(`${ANSWER}\n`);
    expect(await pipe("")).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("-cnv is accepted, -p is the system message", async () => {
    const tokens = async (...args: string[]) =>
      JSON.parse((await pipe("x\n", "-n", "1", "--json", ...args)).stdout).usage.promptTokens;
    const plain = await tokens("-cnv");
    const withSystem = await tokens("-p", "Be brief.");
    expect(withSystem).toBeGreaterThan(plain);
    expect(await tokens("-sys", "Be brief.")).toBe(withSystem);
    const file = join(tempDir(), "system.txt");
    writeFileSync(file, "Be brief.\n");
    expect(await tokens("-f", file)).toBe(withSystem);
  });

  it("--json is one line per answer, --ndjson one per event", async () => {
    const json = await pipe(`${SUM}\n${SUM}\n`, "--json", "-n", "16");
    const turns = json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(turns.map(({ turn, text }) => ({ turn, text }))).toEqual([
      { turn: 1, text: ANSWER },
      { turn: 2, text: expect.any(String) },
    ]);
    expect(Object.keys(turns[0])).toEqual([
      "turn",
      "model",
      "text",
      "finishReason",
      "seed",
      "usage",
      "timing",
    ]);
    const ndjson = await pipe(`${SUM}\n`, "--ndjson");
    const events = ndjson.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ type: "done", turn: 1, finishReason: "stop" });
    const text = events.slice(0, -1).map((event) => event.text);
    expect(text.join("").trim()).toBe(ANSWER);
  });

  it("the same seed gives the same chat", async () => {
    const tell = async () =>
      (await pipe("A story.\nMore.\n", "--temp", "1", "-s", "3", "-n", "12")).stdout;
    const first = await tell();
    expect(await tell()).toBe(first);
  });

  it("more of them than the window holds: the oldest go, and one line says so", async () => {
    const { status, stdout, stderr } = await runCli(
      ["chat", "--temp", "0", "-c", "96", "-n", "8"],
      {
        input: `${SUM}\n`.repeat(9),
        env: { XDG_STATE_HOME: folder },
      },
    );
    expect(status).toBe(0);
    expect(stdout.trimEnd().split("\n").length).toBeGreaterThanOrEqual(9);
    expect(stderr.match(/oldest turns are left out from now on/g)).toHaveLength(1);
  });

  it("an answer longer than the window goes on without the oldest turns", async () => {
    const model = goldenPath("gguf/a.i2_s.gguf");
    const args = ["-m", model, "-c", "64", "-n", "40", "--json", ...ENDLESS];
    const { stdout } = await pipe("a\nb\n", ...args);
    const [, second] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(second).toMatchObject({ finishReason: "length", usage: { generatedTokens: 40 } });
  });

  it("a line longer than the window is an error with status 7", async () => {
    const { status, stderr } = await pipe(`${"word ".repeat(200)}\n`, "-c", "64");
    expect(status).toBe(7);
    expect(stderr).toMatch(/^error: context is full: \d+ tokens are needed, the window is 64/);
  });

  it("SIGINT ends it with 130", async () => {
    const child = startCli(["chat", ...QUIET], { env: { XDG_STATE_HOME: folder } });
    const finished = finish(child);
    child.stdout?.once("data", () => child.kill("SIGINT"));
    child.stdin?.write(`${SUM}\n`);
    expect((await finished).status).toBe(130);
  });

  it("a resumed chat goes on at once: what was evaluated is not evaluated again", async () => {
    const state = tempDir();
    const env = { XDG_STATE_HOME: state, XDG_CACHE_HOME: join(state, "cache") };
    const chats = join(state, "bitnet", "chats");
    mkdirSync(chats, { recursive: true });
    writeFileSync(join(chats, "t.json"), '{"version":1,"model":"m","turns":[]}');
    const resume = async (input: string) => {
      const args = ["chat", ...QUIET, "-n", "40", "--json", "--resume", "t"];
      const { status, stdout } = await runCli(args, { input, env });
      expect(status).toBe(0);
      return stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    };
    const [first] = await resume("Tell me a story about a very old bear.\n");
    const [second] = await resume(`${SUM}\n`);
    expect(first.usage.promptTokens).toBeGreaterThan(16);
    expect(second.usage.promptTokens).toBeLessThan(first.usage.promptTokens + 8);
    const cache = join(state, "cache", "bitnet", "chats");
    const [file = ""] = readdirSync(cache);
    writeFileSync(join(cache, file), readFileSync(join(cache, file)).fill(0, 200, 300));
    const damaged = await runCli(["chat", "--temp", "0", "-n", "4", "--resume", "t"], {
      input: `${SUM}\n`,
      env,
    });
    expect(damaged.status).toBe(0);
    expect(damaged.stderr).toContain(
      "note: the prompt cache of this chat is not used: its checksum",
    );
  });

  it("standard input is not the system message", async () => {
    const { status, stderr } = await pipe("x\n", "-p", "-");
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: a chat reads its turns from standard input/);
  });

  it("nothing is kept, unless a chat is resumed", async () => {
    const state = tempDir();
    const env = { XDG_STATE_HOME: state };
    await runCli(["chat", ...QUIET], { input: `${SUM}\n`, env });
    expect(readdirSync(state)).toEqual([]);
    const { status, stderr } = await runCli(["chat", ...QUIET, "--resume"], { input: "", env });
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: "error: no chat has been saved yet\nhint: start one: bitnet chat\n",
    });
  });
});

// A pseudo-terminal, by the `script` of util-linux, which every Linux has.
describe.runIf(process.platform === "linux")("on a terminal", () => {
  /** The line editor draws it, and puts the cursor behind it. */
  const PROMPT = "> \u001b[3G";
  let endless: string;
  beforeAll(async () => {
    const { makeModel } = await importScript<MakeModel>("make-model.mjs");
    endless = join(folder, "endless.gguf");
    // A context window that takes minutes to fill.
    const shape = { dModel: 256, dFf: 512, nLayers: 4, contextLength: 100_000 };
    await makeModel({ output: endless, format: "gguf", shape });
  }, 60_000);

  function start(state: string, ...args: string[]): TestTerminal {
    const terminal = new TestTerminal(["chat", "--temp", "0", "--no-color", ...args], {
      XDG_STATE_HOME: state,
      XDG_CACHE_HOME: join(state, "cache"),
    });
    onTestFinished(() => terminal.kill());
    return terminal;
  }

  it("asks, answers, takes back, asks again and leaves", async () => {
    const terminal = start(tempDir());
    await terminal.sees(PROMPT);
    terminal.type(`${SUM}\r`);
    await terminal.sees(/17 \+ 25 = 42/);
    await terminal.sees(PROMPT);
    terminal.type("/regen\r");
    await terminal.sees(/temperature is 0/);
    await terminal.sees(/17 \+ 25 = 42/);
    await terminal.sees(PROMPT);
    terminal.type("/undo\r");
    await terminal.sees(/taken back: What is 17 \+ 25\?/);
    await terminal.sees(PROMPT);
    terminal.type("/undo\r");
    await terminal.sees(/nothing has been said yet/);
    await terminal.sees(PROMPT);
    terminal.type("\u0004");
    expect(await terminal.ended).toBe(0);
  });

  it("Ctrl-C stops the answer and not the program; at an empty prompt the second one leaves", async () => {
    const terminal = start(tempDir(), "-m", endless, ...ENDLESS);
    await terminal.sees(PROMPT);
    terminal.type("x\r");
    await terminal.sees(/\r\n[^\r\n]{20}/);
    terminal.type("\u0003");
    await terminal.sees(/\(cancelled\)/);
    await terminal.sees(PROMPT);
    terminal.type("half a line\u0003");
    await terminal.sees(PROMPT);
    terminal.type("\u0003");
    await terminal.sees(/once more/);
    await terminal.sees(PROMPT);
    terminal.type("\u0003");
    expect(await terminal.ended).toBe(0);
  });

  it("resumes the last chat and knows what was typed", async () => {
    const state = tempDir();
    const first = start(state);
    await first.sees(PROMPT);
    first.type(`${SUM}\r`);
    await first.sees(/42/);
    await first.sees(PROMPT);
    first.type("/save sums\r");
    await first.sees(/saved as "sums"/);
    await first.sees(PROMPT);
    first.type("/exit\r");
    expect(await first.ended).toBe(0);
    const file = join(state, "bitnet", "chats", "sums.json");
    const { turns } = JSON.parse(readFileSync(file, "utf8"));
    expect(turns).toEqual([{ user: SUM, assistant: ANSWER }]);
    expect(statSync(join(state, "bitnet", "chats")).mode & 0o077).toBe(0);
    const second = start(state, "--resume");
    await second.sees(/going on with "sums" \(1 turn\); the last question was: What is 17 \+ 25\?/);
    await second.sees(PROMPT);
    second.type("\u001b[A\u001b[A\u001b[A"); // the third line from the end
    await second.sees(/What is 17 \+ 25\?/);
    second.type("\r");
    await second.sees(/42/);
    await second.sees(PROMPT);
    second.type("/exit\r");
    expect(await second.ended).toBe(0);
    expect(JSON.parse(readFileSync(file, "utf8")).turns).toHaveLength(2);
  });

  it("a pasted text of several lines is one message, and so are lines that go on", async () => {
    const state = tempDir();
    const terminal = start(state, "-n", "1");
    await terminal.sees(PROMPT);
    terminal.type("\u001b[200~one\rtwo\u001b[201~");
    await terminal.sees(/one\u2424two/);
    terminal.type("\r");
    await terminal.sees(/cut off by -n/);
    await terminal.sees(PROMPT);
    terminal.type("three\\\rfour\r");
    await terminal.sees(/cut off by -n/);
    await terminal.sees(PROMPT);
    terminal.type('"""\rfive\r\rsix\r"""\r');
    await terminal.sees(/cut off by -n/);
    await terminal.sees(PROMPT);
    terminal.type("/save lines\r");
    await terminal.sees(/saved as/);
    const { turns } = JSON.parse(
      readFileSync(join(state, "bitnet", "chats", "lines.json"), "utf8"),
    ) as { turns: { user: string }[] };
    expect(turns.map(({ user }) => user)).toEqual(["one\ntwo", "three\nfour", "five\n\nsix"]);
  });

  it("completes commands, changes settings and explains what is wrong", async () => {
    const terminal = start(tempDir());
    await terminal.sees(PROMPT);
    terminal.type("/st\t");
    await terminal.sees("/stats");
    terminal.type("\r");
    await terminal.sees(/last answer: none yet/);
    await terminal.sees(PROMPT);
    terminal.type("/set temp 2.5\r");
    await terminal.sees(/temperature is 2\.5/);
    await terminal.sees(PROMPT);
    terminal.type("/set top-p 2\r");
    await terminal.sees(/error: top-p expects a number from 0 to 1, got "2"/);
    await terminal.sees(PROMPT);
    terminal.type("/halp\r");
    await terminal.sees(/error: unknown command \/halp\r\nhint: did you mean \/help\?/);
    await terminal.sees(PROMPT);
    terminal.type("/system Be brief.\r");
    await terminal.sees(/system message replaced/);
    await terminal.sees(PROMPT);
    terminal.type("/system\r");
    await terminal.sees(/\nBe brief\./);
  });

  it("SIGTERM leaves the terminal as it was", async () => {
    const terminal = start(tempDir());
    await terminal.sees("\u001b[?2004h");
    await terminal.sees(PROMPT);
    terminal.signalProgram("SIGTERM");
    expect(await terminal.ended).toBe(143);
    expect(terminal.text).toContain("\u001b[?2004l");
  });
});
