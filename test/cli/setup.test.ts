import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { openModelSource } from "../../src/checkpoint/open.ts";
import { finish, HAS_TERMINAL, runCli, runInTerminal, startCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { commitOf, type HubRepo, type HubServer, startSuiteHub } from "../support/hub-server.ts";
import { makeModel } from "../support/make-model.ts";
import { suiteDir, tempDir } from "../support/temp-dir.ts";

const GGUF = readFileSync(goldenPath("gguf/a.i2_s.gguf"));
const CHECKPOINT = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
const REPOS: Record<string, HubRepo> = {
  "org/gguf": {
    files: { "README.md": "read me", "ggml-model-i2_s.gguf": GGUF, "m-F16.gguf": "x" },
  },
  "org/checkpoint": {
    files: Object.fromEntries(
      CHECKPOINT.filter((name) => existsSync(goldenPath(`models/a-packed/${name}`))).map((name) => [
        name,
        readFileSync(goldenPath(`models/a-packed/${name}`)),
      ]),
    ),
  },
  "org/gated": { files: { "m-i2_s.gguf": GGUF }, token: "hf_secretsecret", gated: true },
  "org/pickles": { files: { "config.json": "{}", "pytorch_model.bin": "x" } },
};

let hub: HubServer;
beforeAll(async () => {
  hub = await startSuiteHub(REPOS);
});

/** Where the model of a repository is in the cache. */
function snapshot(home: string, repo: string): string {
  const folder = `models--${repo.replace("/", "--")}`;
  return join(home, "hub", folder, "snapshots", commitOf(repo, REPOS[repo] ?? { files: {} }));
}

describe("bitnet setup", () => {
  it("downloads the ready file, and prints the command that runs it", async () => {
    const home = tempDir();
    const env = hub.env(home);
    const { status, stdout, stderr } = await runCli(["setup", "--no-tune", "org/gguf"], { env });
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'bitnet run -m org/gguf -cnv -p "Why is the sky blue?"\n',
    });
    expect(stderr).toMatch(/^downloading org\/gguf \(1 file, /m);
    expect(stderr).toMatch(/^kernels \w+: the same logits as plain C\+\+, bit for bit$/m);
    expect(existsSync(join(snapshot(home, "org/gguf"), "m-F16.gguf"))).toBe(false);
    const run = await runCli(["run", "-m", "org/gguf", "-p", "a", "-n", "2", "--temp", "0"], {
      env,
    });
    expect(run.status).toBe(0);
  });

  it("tunes a model once, and not where that is declined", { timeout: 90_000 }, async () => {
    const home = tempDir();
    const { kernels } = JSON.parse((await runCli(["info", "--json"])).stdout).system;
    const state = { XDG_STATE_HOME: join(home, "state"), BITNET_KERNEL: kernels.active };
    const env = { ...hub.env(home), ...state };
    const tuned = join(home, "state/bitnet/tuned.json");
    await runCli(["setup", "org/gguf", "-p"], { env });
    expect(existsSync(tuned)).toBe(false);
    const { status, stderr } = await runCli(["setup", "org/gguf", "-v"], { env });
    expect(status).toBe(0);
    expect(stderr).toMatch(/^batch size +prompt tok\/s +generated tok\/s$/m);
    const first = readFileSync(tuned, "utf8");
    expect(Object.values(JSON.parse(first).tunings)).toHaveLength(1);
    const again = await runCli(["setup", "org/gguf", "-v"], { env });
    expect(again.stderr).toMatch(/^tuned on \d{4}-\d\d-\d\d: bitnet tune does it again$/m);
    expect(readFileSync(tuned, "utf8")).toBe(first);
  });

  it("--json tells the same", async () => {
    const home = tempDir();
    const { stdout } = await runCli(["setup", "--no-tune", "org/gguf", "--json"], {
      env: hub.env(home),
    });
    const { model, kernels, command } = JSON.parse(stdout);
    expect(model).toEqual({
      path: join(snapshot(home, "org/gguf"), "ggml-model-i2_s.gguf"),
      bytes: GGUF.length,
      format: "i2_s",
      family: "bitnet-b1.58",
      parameters: expect.any(Number),
      chatTemplate: true,
      repo: "org/gguf",
      commit: commitOf("org/gguf", REPOS["org/gguf"] as HubRepo),
      fetchedBytes: GGUF.length,
      converted: false,
    });
    expect(kernels).toEqual({
      target: expect.any(String),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(command).toMatch(/^bitnet run -m org\/gguf /);
  });

  it("converts a checkpoint, into a cache of its own", async () => {
    const home = tempDir();
    const env = hub.env(home);
    const { status, stdout } = await runCli(["setup", "--no-tune", "org/checkpoint", "--json"], {
      env,
    });
    expect(status).toBe(0);
    const { model } = JSON.parse(stdout);
    expect(model).toMatchObject({ converted: true, format: "i2_s" });
    expect(model.path.startsWith(`${home}/xdg/bitnet/models/org--checkpoint/`)).toBe(true);
    const info = await runCli(["info", "-m", "org/checkpoint", "--json"], { env });
    expect(JSON.parse(info.stdout).model.path).toBe(model.path);
    const again = await runCli(["setup", "--no-tune", "org/checkpoint"], { env });
    expect(again.stderr).toContain(`already converted: ${model.path}`);
  });

  it("has bitnet.cpp's flags", async () => {
    const [home, work] = [tempDir(), tempDir()];
    const args = [
      "setup",
      "--no-tune",
      "-hr",
      "org/checkpoint",
      "-md",
      "models",
      "-q",
      "tl2",
      "--quant-embd",
      "-p",
      "-ld",
      "logs",
    ];
    const { status, stdout } = await runCli(args, { env: hub.env(home), cwd: work });
    expect(status).toBe(0);
    const path = "models/checkpoint/ggml-model-tl2-q6_k.gguf";
    expect(stdout).toBe(`bitnet run -m org/checkpoint -cnv -p "Why is the sky blue?"\n`);
    const { tensors } = await openModelSource(join(work, path));
    const types = new Set(tensors.map(({ encoding }) => encoding));
    expect(types).toEqual(new Set(["tl2", "q6_k", "f32"]));
    expect(readFileSync(join(work, "logs/download.log"), "utf8")).toMatch(/all checksums right/);
    expect(readFileSync(join(work, "logs/convert.log"), "utf8")).toMatch(/14 TL2/);
  });

  it("-md puts a ready file there, and sets up what is there", async () => {
    const [home, work] = [tempDir(), tempDir()];
    const env = hub.env(home);
    await runCli(["setup", "--no-tune", "-hr", "org/gguf", "-md", "models"], { env, cwd: work });
    expect(readFileSync(join(work, "models/gguf/ggml-model-i2_s.gguf")).equals(GGUF)).toBe(true);
    const { stdout } = await runCli(["setup", "--no-tune", "-md", "models/gguf"], {
      env,
      cwd: work,
    });
    expect(stdout).toMatch(/^bitnet run -m models\/gguf\/ggml-model-i2_s\.gguf /);
  });

  it("offline it uses the cache, and says what is missing", async () => {
    const home = tempDir();
    await runCli(["setup", "--no-tune", "org/gguf"], { env: hub.env(home) });
    const env = { ...hub.env(home), HF_HUB_OFFLINE: "1", HF_ENDPOINT: "http://127.0.0.1:1" };
    expect((await runCli(["setup", "--no-tune", "org/gguf"], { env })).status).toBe(0);
    const missing = await runCli(["setup", "--no-tune", "org/checkpoint"], { env });
    expect(missing.status).toBe(3);
    expect(missing.stderr).toMatch(/^hint: unset HF_HUB_OFFLINE/m);
  });

  it("without a network it uses the cache and says so", async () => {
    const home = tempDir();
    await runCli(["setup", "--no-tune", "org/gguf"], { env: hub.env(home) });
    hub.addFaults({ at: "api", status: 429, headers: { "retry-after": "9999" } });
    const { status, stderr } = await runCli(["setup", "--no-tune", "org/gguf"], {
      env: hub.env(home),
    });
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning: .*too many requests.*using what is in the cache$/m);
  });

  it("a gated repository: accept its conditions, and HF_TOKEN opens it", async () => {
    const home = tempDir();
    const closed = await runCli(["setup", "--no-tune", "org/gated", "--json"], {
      env: hub.env(home),
    });
    expect(closed.status).toBe(3);
    expect(JSON.parse(closed.stdout).error).toEqual({
      code: "E_NOT_FOUND",
      message: "org/gated is gated (HTTP 403)",
      hint: "accept the conditions at https://huggingface.co/org/gated, then set HF_TOKEN",
    });
    const env = { ...hub.env(home), HF_TOKEN: "hf_secretsecret" };
    const open = await runCli(["setup", "--no-tune", "org/gated", "-v"], { env });
    expect(open.status).toBe(0);
    expect(open.stderr).not.toContain("hf_secretsecret");
  });

  it.each([
    ["org/none", 3, "error: org/none: not there, or no access to it (HTTP 401)"],
    ["org/gguf@v9", 3, "error: org/gguf has no such revision"],
    ["org/gguf:Q8_0", 3, "error: org/gguf has no file Q8_0"],
    ["nothing", 3, "error: no such directory, and no name of a model: nothing"],
    [
      "org/pickles",
      5,
      "error: org/pickles has no ternary model: no GGUF file and no *.safetensors",
    ],
  ])("%s exits with %i", async (name, code, message) => {
    const { status, stdout, stderr } = await runCli(["setup", "--no-tune", name], {
      env: hub.env(tempDir()),
    });
    expect({ status, stdout }).toEqual({ status: code, stdout: "" });
    expect(stderr).toContain(`${message}\n`);
  });

  it("explains itself", async () => {
    const { stdout } = await runCli(["setup", "--help"]);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet setup [options] [model]

      Makes a model ready: finds it on the hub, downloads it into the Hugging Face
      cache (checked, going on where an earlier run stopped), converts it if no file
      of it runs as it is, checks the kernels on this CPU, tunes it briefly, and
      prints the command that runs it. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN
      and HF_HUB_OFFLINE are heeded. Without a model it lists the short names.

      Arguments:
        model                         short name, ORG/NAME[:FILE][@REVISION], or a
                                      directory

      Setup:
        -hr, --hf-repo <name>         model to set up, as the argument
        -md, --model-dir <directory>  put the model into a directory of its own in
                                      here; without a repository, set up the one in
                                      here (default: the caches)
        -q, --quant-type <type>       format of the ternary weights: i2_s, tl1 or tl2;
                                      converts where no file has it (default: what is
                                      ready, else i2_s)
        --quant-embd                  store embeddings in 6 bits (Q6_K): a third
                                      faster, very little lost
        -p, --use-pretuned            no tuning: threads, kernels and batches as
                                      remembered or as shipped
        --no-tune                     do not look for the fastest threads, kernels and
                                      batches
        -ld, --log-dir <directory>    also write what each step says to a file of its
                                      own in here
        --native                      compile the kernels for this CPU alone, and keep
                                      the result if it is right and faster

      Output:
        --json                        print one JSON document
        --quiet                       nothing but errors on standard error
        -v, --verbose                 details, and the stacks of errors, on standard
                                      error
        --no-color                    no colour (also NO_COLOR)
        -h, --help                    print this help

      Examples:
        bitnet setup 2b4t                             # BitNet b1.58 2B4T, ready to run
        bitnet setup bonsai-8b:PQ2_0                  # this file of several
        bitnet setup org/name@v1.0 --quant-embd       # a revision, smaller embeddings
        bitnet setup ./checkpoint                     # convert what is here already
        bitnet setup --native                         # compile the kernels for this CPU
        bitnet setup -hr org/name -md models -q i2_s  # as with bitnet.cpp
      "
    `);
  });

  it("without a model it lists names", async () => {
    const { status, stdout } = await runCli(["setup"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^2b4t +microsoft\/bitnet-b1\.58-2B-4T-gguf +/);
  });
});

describe("a download that takes its time", () => {
  afterEach(() => {
    hub.pauseMs = 0;
  });

  it.skipIf(!HAS_TERMINAL)("shows a bar for each file and one for all of them", async () => {
    hub.pauseMs = 20;
    const env = hub.env(tempDir());
    const { status, stdout } = await runInTerminal(["setup", "--no-tune", "org/checkpoint"], {
      env,
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /model\.safetensors {2,}[\u2588\u2591]+ \d+% {2}[\d.]+ \w+ of [\d.]+ \w+, [\d.]+ \w+\/s, .* left/,
    );
    expect(stdout).toMatch(/downloading org\/checkpoint \(\d files, [\d.]+ KiB\)/);
    expect(stdout).toMatch(/in all {2,}[\u2588\u2591]+ \d+% {2}/);
    expect(stdout).toMatch(/bitnet run -m org\/checkpoint -cnv/);
  });

  it("is stopped by Ctrl-C, and goes on where it was", async () => {
    hub.pauseMs = 40;
    hub.requests.length = 0;
    const env = hub.env(tempDir());
    const child = startCli(["setup", "--no-tune", "org/gguf"], { env });
    const ended = finish(child);
    while (!hub.requests.some(({ sentBytes }) => sentBytes > 100_000)) await sleep(5);
    child.kill("SIGINT");
    const { status, stdout, stderr } = await ended;
    expect({ status, stdout }).toEqual({ status: 130, stdout: "" });
    expect(stderr).toMatch(/^cancelled$/m);
    hub.pauseMs = 0;
    hub.requests.length = 0;
    const again = await runCli(["setup", "--no-tune", "org/gguf", "--json"], { env });
    expect(JSON.parse(again.stdout).model.fetchedBytes).toBeLessThan(GGUF.length - 50_000);
    expect(hub.requests.find(({ door }) => door === "bytes")?.range).toMatch(/^bytes=[1-9]\d*-$/);
  });
});

describe("models whose scales I2_S cannot hold", () => {
  const folder = suiteDir();
  beforeAll(async () => {
    await makeModel({ output: join(folder, "m"), family: "qwen3", format: "unpacked", seed: 3 });
  });

  it("become Q2_0", async () => {
    const { status, stdout, stderr } = await runCli([
      "setup",
      "--no-tune",
      join(folder, "m"),
      "--json",
    ]);
    expect(status, stderr).toBe(0);
    const { model } = JSON.parse(stdout);
    expect(model).toMatchObject({ format: "q2_0", path: join(folder, "m/ggml-model-q2_0.gguf") });
  });
});

it("-m names the command that brings a missing model here", async () => {
  const { status, stderr } = await runCli(["run", "-m", "org/gguf", "-p", "x"]);
  expect(status).toBe(3);
  expect(stderr).toContain(
    "error: no such file, and not in the cache: org/gguf\nhint: bitnet setup org/gguf\n",
  );
  const typo = await runCli(["run", "-m", "2b5t", "-p", "x"]);
  expect(typo.stderr).toContain("hint: did you mean 2b4t?\n");
});
