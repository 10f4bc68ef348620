import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { randomAdapter, SHAPE_OF_A, writeGgufAdapter, writePeft } from "../support/lora.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");
const GREEDY = ["-p", "the king", "-n", "24", "--temp", "0"];

const folder = mkdtempSync(join(tmpdir(), "bitnet-lora-"));
const PEFT = join(folder, "peft");
const GGUF = join(folder, "adapter.gguf");
beforeAll(async () => {
  const adapter = randomAdapter(SHAPE_OF_A);
  writePeft(PEFT, adapter);
  await writeGgufAdapter(GGUF, adapter);
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => runCli(["run", "-q", "-m", MODEL, ...GREEDY, ...args]);

async function textOf(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(...args);
  if (status !== 0) expect.unreachable(stderr);
  return stdout;
}

describe("bitnet run --lora", () => {
  it("generates with an adapter, from a PEFT folder as from a GGUF file", async () => {
    const base = await textOf();
    const adapted = await textOf("--lora", PEFT);
    expect(adapted).not.toBe(base);
    expect(await textOf("--lora", GGUF)).toBe(adapted);
    expect(await textOf("--lora", join(PEFT, "adapter_model.safetensors"))).toBe(adapted);
    expect(await textOf("--lora", `${PEFT}:1`)).toBe(adapted);
    expect(await textOf("--lora", `${GGUF}:0`)).toBe(base);
  });

  it("adds several up", async () => {
    expect(await textOf("--lora", `${PEFT}:0.5`, "--lora", `${GGUF}:0.5`)).toBe(
      await textOf("--lora", PEFT),
    );
    expect(await textOf("--lora", PEFT, "--lora-scaled", `${GGUF}:-1`)).toBe(await textOf());
  });

  it("changes the vectors of bitnet embed", async () => {
    const embed = async (...args: string[]) =>
      (await runCli(["embed", "-q", "-m", MODEL, "the king", ...args])).stdout;
    const base = await embed();
    expect(JSON.parse(base).embeddings).toHaveLength(1);
    expect(await embed("--lora", PEFT)).not.toBe(base);
    expect(await embed("--lora", `${PEFT}:0`)).toBe(base);
  });
});

describe("an adapter that does not fit", () => {
  const wide = join(folder, "wide");
  const empty = join(folder, "empty");
  beforeAll(() => {
    writePeft(wide, randomAdapter({ ...SHAPE_OF_A, model: 128 }));
    mkdirSync(empty);
    writeFileSync(join(folder, "text.gguf"), "no adapter");
  });

  it.each([
    ["of another shape", wide, 4, /does not fit blk\.0\.\w+\.weight \[\d+, \d+\]/],
    [
      "that is not there",
      "/nonexistent/x",
      3,
      /^error: cannot read \/nonexistent\/x: no such file/,
    ],
    [
      "in an empty folder",
      empty,
      3,
      /^error: no adapter in .*: adapter_config\.json is missing\nhint: /,
    ],
    ["that is a model", MODEL, 2, /^error: .* is a model, not an adapter\nhint: /],
    ["that is no file of this kind", join(folder, "text.gguf"), 4, /^error: .*text\.gguf/],
  ])("%s", async (_name, path, status, message) => {
    const result = await run("--lora", path);
    expect(result).toEqual({ status, stdout: "", stderr: expect.stringMatching(message) });
  });

  it("of another family", async () => {
    const path = join(folder, "llama.gguf");
    await writeGgufAdapter(path, randomAdapter(SHAPE_OF_A), { family: "llama" });
    const { status, stderr } = await run("--lora", path);
    expect(status).toBe(2);
    expect(stderr).toMatch(/is for models of family llama, this model is bitnet-b1\.58\nhint: /);
  });

  it("whose scale leaves no numbers", async () => {
    const flags = ["-q", "-m", MODEL, "--lora", `${PEFT}:1${"0".repeat(43)}`];
    const text = goldenPath("ppl/text.txt");
    for (const command of [
      ["embed", "the king"],
      ["perplexity", "-f", text],
    ]) {
      const { status, stdout, stderr } = await runCli([...command, ...flags]);
      expect({ status, stdout }).toEqual({ status: 4, stdout: "" });
      expect(stderr).toMatch(/^error: the model computes values that are no numbers\nhint: /);
    }
  });

  it("as the model", async () => {
    const { status, stderr } = await runCli(["run", "-q", "-m", GGUF, "-p", "x"]);
    expect(status).toBe(5);
    expect(stderr).toMatch(/^error: the file is a LoRA adapter, not a model\nhint: /);
  });
});

describe("bitnet run --activations", () => {
  it("int8 is what runs without it, none is the float reference", async () => {
    const logprobs = async (...args: string[]): Promise<number[]> => {
      const { tokens } = JSON.parse(await textOf("--json", "--logprobs", "0", "-n", "4", ...args));
      return tokens.map(({ logprob }: { logprob: number }) => logprob);
    };
    const [base, int8, none] = [
      await logprobs(),
      await logprobs("--activations", "int8"),
      await logprobs("--activations", "none"),
    ];
    expect(int8).toEqual(base);
    const change = Math.abs((none[0] ?? Number.NaN) - (base[0] ?? Number.NaN));
    expect(change).toBeGreaterThan(1e-4);
    expect(change).toBeLessThan(1);
  });
});
