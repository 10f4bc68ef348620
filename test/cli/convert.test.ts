import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { finish, runCli, startCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { importScript } from "../support/run-script.ts";

const CHECKPOINT = goldenPath("models/a-packed");

interface MakeModel {
  makeModel(options: { output: string; format: string; shape: object }): Promise<void>;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bitnet-convert-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("bitnet convert", () => {
  it("writes a model that runs, and says where", async () => {
    const output = join(folder, "a.gguf");
    const converted = await runCli(["convert", CHECKPOINT, "-o", output]);
    expect(converted.status).toBe(0);
    expect(converted.stdout).toMatch(/^\/.*\/a\.gguf {2}\d+ KiB {2}\d+ ms\n$/);
    expect(converted.stderr).toMatch(/^converting .*\nwrote .*a\.gguf in \d+ ms\n/);
    const prompt = ["-p", "the ", "-n", "8", "--temp", "0"];
    const fromFile = await runCli(["run", "-m", output, "--embd-type", "f16", ...prompt]);
    expect(fromFile.status).toBe(2); // an option of another command
    const texts = [output, CHECKPOINT].map(async (model) => {
      return (await runCli(["run", "-m", model, ...prompt])).stdout;
    });
    const [converted_, original] = await Promise.all(texts);
    expect(converted_).toBe(original);
  });

  it("--json is one document", async () => {
    const output = join(folder, "json.gguf");
    const { stdout } = await runCli([
      "convert",
      CHECKPOINT,
      "-o",
      output,
      "--json",
      "--outtype=f16",
    ]);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ output, tensors: { F16: 15 } });
    expect(Object.keys(document)).toEqual(["output", "bytes", "elapsedMs", "tensors", "notes"]);
  });

  it("writes into the checkpoint's folder, as bitnet.cpp does, and asks before it overwrites", async () => {
    const checkpoint = join(folder, "checkpoint");
    await cp(CHECKPOINT, checkpoint, { recursive: true });
    const output = join(checkpoint, "ggml-model-i2_s.gguf");
    expect((await runCli(["convert", checkpoint, "-q"])).status).toBe(0);
    const first = readFileSync(output);
    await writeFile(output, "somebody's work");
    const refused = await runCli(["convert", checkpoint]);
    expect(refused).toEqual({
      status: 2,
      stdout: "",
      stderr: `error: the output ${output} exists\nhint: overwrite it with --force\n`,
    });
    expect(readFileSync(output, "utf8")).toBe("somebody's work");
    expect((await runCli(["convert", checkpoint, "--force"])).status).toBe(0);
    expect(readFileSync(output)).toEqual(first);
  });

  it("never writes over its input", async () => {
    const model = join(folder, "same.gguf");
    await cp(goldenPath("gguf/a.i2_s.gguf"), model);
    const before = readFileSync(model);
    const { status, stderr } = await runCli(["convert", model, "-o", model, "--force"]);
    expect(status).toBe(2);
    expect(stderr).toContain("is the input");
    expect(readFileSync(model)).toEqual(before);
  });

  it.each([
    ["a folder as output", ["-o", "."], 2, /is a directory\nhint: name a file/],
    ["a folder that is not there", ["-o", "/nonexistent/x.gguf"], 3, /cannot write .*no such file/],
    ["a file in place of a folder", ["-o", "/dev/null/x.gguf"], 3, /cannot write/],
  ])("%s", async (_name, args, status, message) => {
    const result = await runCli(["convert", CHECKPOINT, "-q", ...args]);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
    expect(result.stdout).toBe("");
  });

  it("a pipe as output is not replaced by a file", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const { status, stderr } = await runCli(["convert", CHECKPOINT, "-o", pipe, "--force"]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: the output .*pipe is not a regular file\nhint: /);
    expect(statSync(pipe).isFIFO()).toBe(true);
  });

  it("a missing checkpoint", async () => {
    const { status, stderr } = await runCli(["convert", join(folder, "no-such")]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error: no such file or directory/);
  });
});

it("a conversion that is stopped leaves nothing behind", async () => {
  const { makeModel } = await importScript<MakeModel>("make-model.mjs");
  const checkpoint = join(folder, "large");
  const shape = { dModel: 1024, dFf: 2048, nLayers: 3 };
  await makeModel({ output: checkpoint, format: "masters", shape });
  const target = join(folder, "stopped");
  await mkdir(target);
  const child = startCli(["convert", checkpoint, "-o", join(target, "m.gguf")]);
  const finished = finish(child);
  child.stderr?.once("data", () => child.kill("SIGINT"));
  const { status, stdout } = await finished;
  expect(status).toBe(130);
  // A machine under load may have finished before the signal came: then the file is whole.
  const whole = stdout !== "" && existsSync(join(target, "m.gguf"));
  expect(readdirSync(target)).toEqual(whole ? ["m.gguf"] : []);
});
