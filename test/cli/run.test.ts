import { readFileSync, truncateSync } from "node:fs";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { finish, runCli, runShell, startCli, whenItReads } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { importScript } from "../support/run-script.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");
/** Without their two stop tokens the models talk on until the context window is full. */
const ENDLESS = ["-n", "-1", "--logit-bias", "497=-inf", "--logit-bias", "505=-inf"];
const run = (...args: string[]) => runCli(["run", "-m", MODEL, ...args]);

interface MakeModel {
  makeModel(options: { output: string; format: string; shape: object }): Promise<void>;
}

/** The document that `run --json` prints. */
async function runJson(...args: string[]) {
  const result = await run("--json", ...args);
  if (result.status !== 0) expect.unreachable(`status ${result.status}: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bitnet-run-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("stdout and stderr", () => {
  it("stdout carries the generated text alone", async () => {
    const text = await run("-p", "the ", "-n", "8", "--seed", "1");
    const { text: same } = await runJson("-p", "the ", "-n", "8", "--seed", "1");
    expect(text.status).toBe(0);
    expect(text.stdout).toBe(same);
    expect(text.stderr.replaceAll(/\d+ ms/g, "N ms")).toBe(
      `loading ${MODEL}\nloaded ${MODEL} in N ms\n`,
    );
  });

  it("--quiet leaves stderr empty, -v adds figures and seed", async () => {
    expect((await run("-p", "x", "-n", "2", "-q")).stderr).toBe("");
    expect((await run("-p", "x", "-n", "2", "-v", "--seed", "7")).stderr).toMatch(
      /\d+ prompt tokens at .* tok\/s, first token after \d+ ms, 2 tokens at .*, cut off by -n\nseed 7\n$/,
    );
  });

  it("the same seed gives the same text, whatever the threads", async () => {
    const texts = ["1", "2"].map(async (threads) => {
      return (await run("-p", "the ", "-n", "32", "-s", "3", "-t", threads)).stdout;
    });
    const [one, two] = await Promise.all(texts);
    expect(one).toBe(two);
  });

  it("flags of bitnet.cpp work as they are", async () => {
    const given = await run("-p", "the ", "-n", "4", "-t", "1", "-c", "64", "-temp", "0");
    const plain = await run("--prompt", "the ", "--n-predict=4", "--temperature", "0");
    expect(given.status).toBe(0);
    expect(given.stdout).toBe(plain.stdout);
    expect((await run("-p", "the ", "-n", "4", "-cnv", "-temp=0")).status).toBe(0);
  });
});

describe("compact weights", () => {
  const args = ["-p", "the ", "-n", "8", "--seed", "1", "--weights", "compact"];

  it("give the same text, and a note where there are none", async () => {
    const fast = await run("-p", "the ", "-n", "8", "--seed", "1");
    expect((await run(...args)).stdout).toBe(fast.stdout);
    const env = { BITNET_KERNEL: "scalar" };
    const { stdout, stderr } = await runCli(["run", "-m", MODEL, ...args], { env });
    expect(stdout).toBe(fast.stdout);
    expect(stderr).toMatch(
      /^note: the kernel target scalar has no compact form: weights take 2 bits each$/m,
    );
  });

  it("exclude --mmap", async () => {
    const { status, stdout, stderr } = await run(...args, "--mmap");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("error: --mmap and --weights compact exclude one another\nhint: ");
  });
});

it("without -m, the bundled model runs, and a line says so", async () => {
  const { status, stdout, stderr } = await runCli(["run", "-p", "hi", "-n", "4"]);
  expect(status).toBe(0);
  expect(stdout).not.toBe("");
  expect(stderr).toMatch(
    /^warning: no model named: using the bundled demonstration model.*\nloading .*\nloaded /,
  );
});

describe("the prompt", () => {
  it("comes from a pipe", async () => {
    const { stdout, status } = await runShell(
      `echo "the " | bitnet run -q -m ${MODEL} -p - -n 4 --seed 1 | wc -c`,
    );
    const direct = await run("-p", "the ", "-n", "4", "--seed", "1");
    expect(status).toBe(0);
    expect(Number(stdout)).toBe(Buffer.byteLength(direct.stdout));
  });

  it("comes from a file", async () => {
    const file = join(folder, "prompt.txt");
    await writeFile(file, "the \n");
    const { stdout } = await run("-f", file, "-n", "4", "--seed", "1");
    expect(stdout).toBe((await run("-p", "the ", "-n", "4", "--seed", "1")).stdout);
  });

  it("is asked for, with the help, when there is none", async () => {
    const { status, stdout, stderr } = await run();
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^Usage: bitnet run/);
    expect(stderr).toMatch(/error: no prompt\nhint: pass it with -p "...", .*\n$/);
  });

  it("keeps special tokens as text in a conversation", async () => {
    const usage = async (...args: string[]) =>
      (await runJson("-n", "0", ...args)).usage.promptTokens;
    const special = (await usage("-p", "<|eot_id|>")) - (await usage("-p", ""));
    const typed = (await usage("-cnv", "-p", "<|eot_id|>")) - (await usage("-cnv", "-p", ""));
    expect(special).toBe(1);
    expect(typed).toBeGreaterThan(1);
  });

  it("takes a system message", async () => {
    const tokens = async (...args: string[]) =>
      (await runJson("-n", "0", "-cnv", "-p", "x", ...args)).usage.promptTokens;
    expect(await tokens("-sys", "be brief")).toBeGreaterThan(await tokens());
    const alone = await run("-p", "x", "-sys", "y");
    expect(alone).toMatchObject({
      status: 2,
      stderr: "error: --system needs --conversation\nhint: add -cnv\n",
    });
  });
});

describe("--json", () => {
  it("is one document", async () => {
    const document = await runJson("-p", "x", "-n", "2", "--seed", "5");
    expect(shapeOf(document)).toMatchInlineSnapshot(`
      {
        "finishReason": "string",
        "model": "string",
        "seed": "number",
        "text": "string",
        "timing": {
          "firstTokenMs": "number",
          "generateMs": "number",
          "generatedTokensPerSecond": "number",
          "loadMs": "number",
          "promptMs": "number",
          "promptTokensPerSecond": "number",
        },
        "usage": {
          "acceptedTokens": "number",
          "draftedTokens": "number",
          "generatedTokens": "number",
          "promptTokens": "number",
        },
      }
    `);
    expect(document).toMatchObject({ model: MODEL, seed: 5, usage: { generatedTokens: 2 } });
  });

  it("has tokens with --logprobs", async () => {
    const { tokens, text } = await runJson("-p", "x", "-n", "2", "--logprobs", "1", "--temp", "0");
    expect(shapeOf(tokens)).toMatchInlineSnapshot(`
      [
        {
          "id": "number",
          "logprob": "number",
          "text": "string",
          "top": [
            {
              "id": "number",
              "logprob": "number",
              "text": "string",
            },
          ],
        },
      ]
    `);
    expect(tokens).toHaveLength(2);
    expect(tokens[0].top[0]).toEqual({
      id: tokens[0].id,
      text: tokens[0].text,
      logprob: tokens[0].logprob,
    });
    expect(text.startsWith(tokens[0].text)).toBe(true);
  });

  it("says why the text ended", async () => {
    expect((await runJson("-p", "x", ...ENDLESS, "-n", "1")).finishReason).toBe("length");
    expect((await runJson("-p", "x", "-c", "64", ...ENDLESS)).finishReason).toBe("context");
    const { text } = await runJson("-p", "the ", "-n", "8", "--temp", "0");
    const stop = text.slice(2, 5);
    expect(await runJson("-p", "the ", "-n", "8", "--temp", "0", "--stop", stop)).toMatchObject({
      finishReason: "stop",
      stopText: stop,
      text: text.slice(0, text.indexOf(stop)),
    });
  });

  it("--ndjson is one event per line", async () => {
    const { stdout } = await run("-p", "the ", "-n", "6", "--ndjson", "--seed", "5");
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const done = events.pop();
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["token"]));
    expect(shapeOf(done)).toMatchInlineSnapshot(`
      {
        "finishReason": "string",
        "model": "string",
        "seed": "number",
        "timing": {
          "firstTokenMs": "number",
          "generateMs": "number",
          "generatedTokensPerSecond": "number",
          "loadMs": "number",
          "promptMs": "number",
          "promptTokensPerSecond": "number",
        },
        "type": "string",
        "usage": {
          "acceptedTokens": "number",
          "draftedTokens": "number",
          "generatedTokens": "number",
          "promptTokens": "number",
        },
      }
    `);
    const { text } = await runJson("-p", "the ", "-n", "6", "--seed", "5");
    expect(events.map((event) => event.text).join("")).toBe(text);
  });
});

/** Names and types of a document, so that a snapshot holds for every machine. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]));
}

describe("bad input: one clear line, a hint, the exit status of its kind", () => {
  const failure = async (...args: string[]) => {
    const { status, stdout, stderr } = await runCli(["run", "-p", "x", "-q", ...args]);
    expect(stdout).toBe("");
    expect(stderr).not.toMatch(/\n {4}at /);
    return { status, stderr: stderr.replaceAll(folder, "DIR") };
  };

  it("missing file, with a near miss", async () => {
    const { status, stderr } = await failure("-m", MODEL.replace("i2_s", "i2s"));
    expect(status).toBe(3);
    expect(stderr).toMatch(
      /^error: no such file or directory: .*\nhint: did you mean .*a\.i2_s\.gguf\?\n$/,
    );
  });

  it("not a GGUF file", async () => {
    const { status, stderr } = await failure("-m", new URL(import.meta.url).pathname);
    expect(status).toBe(4);
    expect(stderr).toMatch(/^error: .*: not a GGUF file/);
  });

  it("truncated file", async () => {
    const file = join(folder, "cut.gguf");
    await copyFile(MODEL, file);
    truncateSync(file, 300_000);
    const { status, stderr } = await failure("-m", file);
    expect(status).toBe(4);
    expect(stderr).toMatch(/^error: DIR\/cut\.gguf: truncated: tensor .* has 300000\nhint: /);
  });

  it("a file where a folder is expected", async () => {
    const { status, stderr } = await failure("-m", join(MODEL, "x"));
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error: no such file or directory/);
  });

  it("a folder without a model", async () => {
    const { status, stderr } = await failure("-m", join(folder, ".."), "-f", "no");
    expect(status).toBe(2); // the prompt is looked at first
    expect(stderr).toContain("exclude one another");
    const empty = await mkdtemp(join(folder, "empty-"));
    const second = await failure("-m", empty);
    expect(second.status).toBe(3);
    expect(second.stderr).toMatch(/^error: no model in .*: the folder is empty\nhint: /);
  });

  it("a missing prompt file", async () => {
    const { status, stderr } = await runCli(["run", "-m", MODEL, "-f", join(folder, "no.txt")]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error: cannot read .*no\.txt: no such file or directory\n$/);
  });

  it("standard input that holds nothing, or is a folder", async () => {
    for (const input of ["/dev/null", folder]) {
      const { status, stderr } = await runShell(`bitnet run -m ${MODEL} < ${input}`);
      expect(status).toBe(2);
      expect(stderr).toMatch(/\nerror: no prompt\nhint: /);
    }
  });

  it("a prompt longer than the context window", async () => {
    const { status, stderr } = await failure("-m", MODEL, "-c", "64", "-p", "the ".repeat(200));
    expect(status).toBe(7);
    expect(stderr).toMatch(
      /^error: context is full: \d+ tokens are needed, the window is 64\nhint: /,
    );
  });

  it("a context window longer than the model's", async () => {
    const { status, stderr } = await failure("-m", MODEL, "-c", "100000");
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: context of 100000 tokens: .*\nhint: pass --ctx-size 512/);
  });

  it("a token that is not there", async () => {
    const { status, stderr } = await failure("-m", MODEL, "--logit-bias", "100000=1");
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: --logit-bias: there is no token 100000\nhint: /);
  });

  it("a configuration file with an unknown key", async () => {
    await writeFile(join(folder, "bitnet.config.json"), '{\n  "thread": 4\n}\n');
    const result = await runCli(["run", "-m", MODEL, "-p", "x"], { cwd: folder });
    await rm(join(folder, "bitnet.config.json"));
    expect(result).toEqual({
      status: 2,
      stdout: "",
      stderr: 'error: bitnet.config.json:2: unknown key "thread"\nhint: did you mean "threads"?\n',
    });
  });

  it("a full disk", async () => {
    const { status, stderr } = await runShell(`bitnet run -q -m ${MODEL} -p x -n 4 > /dev/full`);
    expect(status).toBe(7);
    expect(stderr).toMatch(/^error: the output cannot be written: ENOSPC/);
  });
});

describe("being stopped", () => {
  let endless: string;
  beforeAll(async () => {
    const { makeModel } = await importScript<MakeModel>("make-model.mjs");
    endless = join(folder, "endless.gguf");
    // A context window that takes minutes to fill.
    const shape = { dModel: 256, dFf: 512, nLayers: 4, contextLength: 100_000 };
    await makeModel({ output: endless, format: "gguf", shape });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends the generation and exits with %d", async (signal, status) => {
    const child = startCli(["run", "-m", endless, "-p", "x", ...ENDLESS, "--ndjson"]);
    const finished = finish(child);
    child.stdout?.once("data", () => child.kill(signal));
    const result = await finished;
    const events = result.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(result.status).toBe(status);
    expect(events.at(-1)).toMatchObject({ type: "done", finishReason: "cancelled" });
    expect(result.stderr).toMatch(/cancelled\n$/);
  });

  it("a second SIGINT ends the process at once", async () => {
    const child = startCli(["run", "-m", MODEL, "-p", "-"]);
    const finished = finish(child);
    await whenItReads(child);
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect((await finished).status).toBe(130);
  });

  it("SIGINT while the prompt is read", async () => {
    const child = startCli(["run", "-m", MODEL, "-p", "-", "--json"]);
    const finished = finish(child);
    await whenItReads(child);
    child.kill("SIGINT");
    const { status, stdout, stderr } = await finished;
    expect({ status, stderr }).toEqual({ status: 130, stderr: "cancelled\n" });
    expect(JSON.parse(stdout)).toEqual({ error: { code: "E_CANCELLED", message: "cancelled" } });
  });

  it("a reader that goes away ends it quietly with status 0", async () => {
    const { stdout, stderr } = await runShell(
      `bitnet run -q -m ${endless} -p x ${ENDLESS.join(" ")} | head -c 1 | wc -c; echo "status \${PIPESTATUS[0]}"`,
    );
    expect(stdout.split("\n").map((line) => line.trim())).toEqual(["1", "status 0", ""]);
    expect(stderr).toBe("");
  });
});

// A pseudo-terminal, by the `script` of util-linux, which every Linux has.
describe.runIf(process.platform === "linux")("on a terminal", () => {
  const onTerminal = (command: string) =>
    runShell(`script -qec 'stty cols 80; ${process.execPath} bin/bitnet.js ${command}' /dev/null`);

  it("shows the help when there is no prompt, and does not wait", async () => {
    const { status, stdout } = await onTerminal(`run -m ${MODEL}`);
    expect(status).toBe(2);
    expect(stdout).toContain("Usage:");
    expect(stdout).toContain("no prompt");
  });

  it("ends the text with a line feed and shows the figures", async () => {
    const { status, stdout } = await onTerminal(`run -m ${MODEL} -p x -n 4 --seed 1 --no-color`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\r\n.*prompt tokens at .* tok\/s, .*cut off by -n\r\n/);
    expect(stdout.lastIndexOf("\u001b[?25h")).toBeGreaterThanOrEqual(
      stdout.lastIndexOf("\u001b[?25l"),
    );
  });

  it("works where the terminal has no width", async () => {
    const { status } = await runShell(
      `script -qec 'stty cols 0; ${process.execPath} bin/bitnet.js run -m ${MODEL} -p x -n 4' /dev/null`,
    );
    expect(status).toBe(0);
  });
});

it("the golden model is what these tests think it is", () => {
  expect(readFileSync(MODEL).subarray(0, 4).toString()).toBe("GGUF");
});
