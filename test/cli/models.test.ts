import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HAS_TERMINAL, runCli, runInTerminal } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { commitOf, type HubRepo, type HubServer, startSuiteHub } from "../support/hub-server.ts";
import { suiteDir, tempDir } from "../support/temp-dir.ts";

const GGUF = readFileSync(goldenPath("gguf/a.i2_s.gguf"));
const NAMES = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
const checkpoint = NAMES.filter((name) => existsSync(goldenPath(`models/a-packed/${name}`))).map(
  (name) => [name, readFileSync(goldenPath(`models/a-packed/${name}`))],
);
const REPOS: Record<string, HubRepo> = {
  "org/gguf": { files: { "ggml-model-i2_s.gguf": GGUF } },
  "org/checkpoint": { files: Object.fromEntries(checkpoint) },
};

let hub: HubServer;
/** A home with both repositories set up, of which one was run. */
const home = suiteDir();
let env: Record<string, string>;
beforeAll(async () => {
  hub = await startSuiteHub(REPOS);
  env = hub.env(home);
  await runCli(["setup", "--no-tune", "org/gguf"], { env });
  await runCli(["setup", "--no-tune", "org/checkpoint"], { env });
  await runCli(["run", "-m", "org/gguf", "-p", "a", "-n", "1"], { env });
}, 60_000);

const today = /^\d{4}-\d\d-\d\d$/;

describe("bitnet models", () => {
  it("explains itself", async () => {
    const { stdout } = await runCli(["models", "--help"]);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet models [options] [action] [model]

      Lists the models on this machine: in the Hugging Face cache, whoever put them
      there, those that \`bitnet setup\` converted, and files elsewhere that were run
      before. \`show\` tells more about one, \`path\` prints where it is, \`rm\` removes a
      repository and what was made of it from the caches.

      Arguments:
        action         list (the default), show, path or rm
        model          a name of the list, ORG/NAME, or a path

      Output:
        --force        overwrite or remove what is there without asking
        --json         print one JSON document
        -q, --quiet    nothing but errors on standard error
        -v, --verbose  details, and the stacks of errors, on standard error
        --no-color     no colour (also NO_COLOR)
        -h, --help     print this help

      Examples:
        bitnet models                               # size, format, family, last use
        bitnet models show 2b4t                     # one of them
        cp "$(bitnet models path 2b4t)" .           # where it is
        bitnet models rm org/name                   # asks first; --force does not
        bitnet models --json | jq '.models[].path'  # for scripts
      "
    `);
  });

  it("without any says how to get one", async () => {
    const { status, stdout, stderr } = await runCli(["models"], { env: { HF_HOME: tempDir() } });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(/^no models in .*: get one with `bitnet setup 2b4t`\n$/);
  });

  it("lists what is there", async () => {
    const { status, stdout, stderr } = await runCli(["models"], { env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [header = "", ...rows] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    expect(header).toEqual(["model", "size", "format", "family", "last use"]);
    expect(rows.map(([, , format, family]) => [format, family])).toEqual([
      ["hf_packed", "bitnet-b1.58"],
      ["i2_s", "bitnet-b1.58"],
      ["i2_s", "bitnet-b1.58"],
    ]);
    const used = rows.find(([name]) => name === "org/gguf")?.at(-1);
    expect(used).toMatch(today);
    expect(rows.find(([name]) => name === "org/checkpoint")?.at(-1)).toBe("never");
  });

  it("--json has more", async () => {
    const { models } = JSON.parse((await runCli(["models", "--json"], { env })).stdout);
    expect(models.map(({ name, place }: Record<string, string>) => [name, place])).toEqual([
      ["org/checkpoint", "hub"],
      ["org/gguf", "hub"],
      [expect.stringMatching(/ggml-model-i2_s\.gguf$/), "converted"],
    ]);
    expect(models[1]).toEqual({
      name: "org/gguf",
      place: "hub",
      repo: "org/gguf",
      commit: commitOf("org/gguf", REPOS["org/gguf"] as HubRepo),
      path: expect.stringContaining("/snapshots/"),
      bytes: GGUF.length,
      format: "i2_s",
      family: "bitnet-b1.58",
      lastUse: expect.stringMatching(/^\d{4}-.*Z$/),
      problem: null,
    });
  });

  it("lists files elsewhere that were run, and what other programs downloaded", async () => {
    const [folder, other] = [tempDir(), tempDir()];
    const file = join(folder, "mine.gguf");
    copyFileSync(goldenPath("gguf/a.i2_s.gguf"), file);
    const repo = join(other, "hub/models--a--b");
    const snapshot = join(repo, "snapshots", "0123456789".repeat(4));
    for (const path of [join(repo, "blobs"), join(repo, "refs"), snapshot])
      mkdirSync(path, { recursive: true });
    writeFileSync(join(repo, "blobs/x"), GGUF.subarray(0, 5000)); // damaged
    symlinkSync("../../blobs/x", join(snapshot, "m-i2_s.gguf"));
    symlinkSync("../../blobs/gone", join(snapshot, "other-i2_s.gguf"));
    const where = { HF_HOME: other, XDG_CACHE_HOME: other };
    await runCli(["run", "-m", file, "-p", "a", "-n", "1"], { env: where });
    const { stdout, stderr } = await runCli(["models"], { env: where });
    expect(stdout).toMatch(/^a\/b@0123456789\S* +\? +\? +\? +never$/m);
    expect(stdout).toContain(`${file} `);
    expect(stderr).toMatch(/^warning: a\/b@\d+: .*/);
  });

  it("show and path", async () => {
    const shown = await runCli(["models", "show", "org/gguf"], { env });
    expect(shown.stdout).toMatch(
      /^org\/gguf\n {2}path +.*ggml-model-i2_s\.gguf\n {2}repository +org\/gguf\n/,
    );
    expect(shown.stdout).toMatch(
      /\n {2}run +bitnet run -m org\/gguf -cnv -p "Why is the sky blue\?"\n$/,
    );
    const { model } = JSON.parse(
      (await runCli(["models", "show", "org/gguf", "--json"], { env })).stdout,
    );
    expect(model).toMatchObject({ name: "org/gguf", bytes: GGUF.length, format: "i2_s" });
    const { stdout } = await runCli(["models", "path", "org/gguf"], { env });
    expect(readFileSync(stdout.trimEnd()).equals(GGUF)).toBe(true);
  });

  it.each([
    [["models", "show", "org/none"], 3, "error: no such file, and not in the cache: org/none"],
    [["models", "path", "nothing"], 3, "error: no such file or directory: nothing"],
    [["models", "rm", "org/none", "--force"], 3, "error: no such model: org/none"],
    [["models", "rm"], 2, "error: models rm needs a model"],
    [
      ["models", "rm", "org/gguf"],
      2,
      "error: removing org/gguf needs a yes\nhint: say it with --force",
    ],
    [["models", "frob"], 2, "error: unknown action: frob\nhint: list, show MODEL"],
  ])("%j exits with %i", async (args, code, message) => {
    const { status, stdout, stderr } = await runCli(args, { env });
    expect({ status, stdout }).toEqual({ status: code, stdout: "" });
    expect(stderr).toContain(message);
  });
});

describe("bitnet models rm", () => {
  let own: Record<string, string>;
  beforeEach(async () => {
    own = hub.env(tempDir());
    await runCli(["setup", "--no-tune", "org/checkpoint"], { env: own });
  });

  it.skipIf(!HAS_TERMINAL)(
    "asks whoever sits at a terminal",
    async () => {
      const args = ["models", "rm", "org/checkpoint"];
      const no = await runInTerminal(args, { env: own, input: "\n" });
      expect(no.stdout).toMatch(
        /remove org\/checkpoint \(.* MiB, which other programs may use, too\)\? \[y\/N\]/,
      );
      expect(no.stdout).toContain("nothing removed");
      const yes = await runInTerminal(args, { env: own, input: "y\n" });
      expect(yes.stdout).toContain("removed org/checkpoint");
      expect(JSON.parse((await runCli(["models", "--json"], { env: own })).stdout).models).toEqual(
        [],
      );
    },
    90_000,
  );

  it("removes a repository and what was made of it", async () => {
    const before = JSON.parse((await runCli(["models", "--json"], { env: own })).stdout).models;
    expect(before).toHaveLength(2);
    const { status, stdout } = await runCli(["models", "rm", "org/checkpoint", "--force"], {
      env: own,
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^removed org\/checkpoint {2}\d/);
    expect(JSON.parse((await runCli(["models", "--json"], { env: own })).stdout).models).toEqual(
      [],
    );
    for (const { path } of before) expect(existsSync(path)).toBe(false);
  });
});
