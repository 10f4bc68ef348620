import { describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";

/** [arguments, message, hint] */
const MISTAKES: [string[], string, string | undefined][] = [
  [["rnu"], "unknown command 'rnu'", "did you mean run?"],
  [["frobnicate"], "unknown command 'frobnicate'", "run `bitnet --help`"],
  [["m.gguf"], "unknown command 'm.gguf'", 'bitnet run -m m.gguf -p "..."'],
  [["-m", "m.gguf"], "unknown option '-m'", "options follow a command: bitnet run -p ..."],
  [["--verbos"], "unknown option '--verbos'", "did you mean --verbose?"],
  [["run", "--temprature", "1"], "unknown option '--temprature'", "did you mean --temperature?"],
  [["run", "-x"], "unknown option '-x'", "run `bitnet run --help`"],
  [["run", "-p"], "option '-p, --prompt <text>' argument missing", "run `bitnet run --help`"],
  [
    ["run", "-p", "two", "words"],
    "too many arguments for 'run'. Expected 0 arguments but got 1.",
    'quote a text that has spaces: -p "two words"',
  ],
  [["run", "-t", "0"], '--threads expects a whole number from 1 to 1024, got "0"', undefined],
  [["run", "-t", "two"], '--threads expects a whole number from 1 to 1024, got "two"', undefined],
  [["run", "-n", "-2"], '--n-predict expects a whole number of at least -1, got "-2"', undefined],
  [["run", "-temp", "hot"], '--temperature expects a number of at least 0, got "hot"', undefined],
  [["run", "--top-p=1.5"], '--top-p expects a number from 0 to 1, got "1.5"', undefined],
  [
    ["run", "--kv-type", "q4"],
    '--kv-type expects one of f32, f16, bf16, int8, got "q4"',
    undefined,
  ],
  [
    ["run", "--logit-bias", "x"],
    '--logit-bias expects TOKEN=BIAS such as 128009=-5, or TOKEN=-inf to forbid a token, got "x"',
    undefined,
  ],
  [["run", "-p", "x", "-f", "y"], "--prompt and --file exclude one another", "give one of them"],
  [["run", "-p", "x", "--logprobs", "3"], "--logprobs needs --json or --ndjson", "add --json"],
  [
    ["info", "a", "b"],
    "too many arguments for 'info'. Expected 1 argument but got 2.",
    "run `bitnet info --help`",
  ],
  [["help", "rnu"], "unknown command 'rnu'", "did you mean run?"],
  [["rnu", "--help"], "unknown command 'rnu'", "did you mean run?"],
  [["info", ""], "the name of the model is empty", undefined],
  [["convert"], "missing required argument 'model'", "run `bitnet convert --help`"],
];

describe("a wrong command line exits with 2 and one clear line", () => {
  it.each(MISTAKES)("%j", async (args, message, hint) => {
    const { status, stdout, stderr } = await runCli(args);
    const lines = [`error: ${message}`, ...(hint ? [`hint: ${hint}`] : [])];
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: "",
      stderr: `${lines.join("\n")}\n`,
    });
  });

  it("with --json also as a document on stdout", async () => {
    const { status, stdout, stderr } = await runCli(["run", "--temprature", "1", "--json"]);
    expect(status).toBe(2);
    expect(stdout).toBe(
      `${JSON.stringify({
        error: {
          code: "E_USAGE",
          message: "unknown option '--temprature'",
          hint: "did you mean --temperature?",
        },
      })}\n`,
    );
    expect(stderr).toContain("error: unknown option");
  });

  it("formats exclude one another", async () => {
    const { status, stdout, stderr } = await runCli(["run", "--json", "--ndjson"]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: "error: --json and --ndjson exclude one another\nhint: give one of them\n",
    });
    expect(JSON.parse(stdout).error.code).toBe("E_USAGE");
  });

  it("--json that is a value is not taken for the flag", async () => {
    const { stdout } = await runCli(["run", "-p", "--json", "--wrong"]);
    expect(stdout).toBe("");
  });

  it("--verbose adds the stack", async () => {
    const { stderr } = await runCli(["run", "-v", "-t", "0"]);
    expect(stderr).toMatch(/^error: --threads expects .*\n {4}at /);
  });

  it("--quiet does not hide errors", async () => {
    const { stderr } = await runCli(["-q", "run", "-t", "0"]);
    expect(stderr).toMatch(/^error: --threads/);
  });
});

it("a variable of the environment is checked like a flag", async () => {
  const { status, stderr } = await runCli(["run", "-p", "x"], { env: { BITNET_THREADS: "0" } });
  expect(status).toBe(2);
  expect(stderr).toBe(
    'error: BITNET_THREADS expects a whole number from 1 to 1024, got "0"\n' +
      "hint: unset BITNET_THREADS\n",
  );
});
