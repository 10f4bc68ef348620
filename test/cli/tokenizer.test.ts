import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { editGguf } from "../support/edit-gguf.ts";
import { goldenPath } from "../support/golden.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");
const QWEN = goldenPath("gguf/d.q2_0.gguf");

const folder = mkdtempSync(join(tmpdir(), "bitnet-tokenizer-"));
const UNNAMED = join(folder, "unnamed.gguf");
const FOREIGN = join(folder, "foreign.gguf");
beforeAll(async () => {
  const metadata = { "tokenizer.ggml.pre": undefined };
  await editGguf(MODEL, UNNAMED, { metadata });
  await editGguf(QWEN, FOREIGN, { metadata });
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (model: string, ...args: string[]) =>
  runCli(["run", "-m", model, "-p", "it's 12345", "-n", "2", "--temp", "0", ...args]);

async function promptTokens(...args: string[]): Promise<number> {
  const { status, stdout, stderr } = await run(MODEL, "--json", ...args);
  if (status !== 0) expect.unreachable(stderr);
  return JSON.parse(stdout).usage.promptTokens;
}

describe("a file that does not name its pre-tokenizer", () => {
  const LLAMA =
    "note: tokenizer.ggml.pre is missing: 'llama-bpe' is used, because the vocabulary has " +
    "<|begin_of_text|> and <|eot_id|>";
  const OTHER =
    "note: tokenizer.ggml.pre is missing: 'default' is used; token ids may differ from those of " +
    "the original model";

  it("is read with the one of its vocabulary, and that is reported", async () => {
    const [named, unnamed] = [await run(MODEL), await run(UNNAMED)];
    expect(named.stderr).not.toContain("note:");
    expect(unnamed.stderr.split("\n")).toContain(LLAMA);
    expect(unnamed.stdout).toBe(named.stdout);
    const embed = await runCli(["embed", "-m", UNNAMED, "a"]);
    expect(embed.stderr.split("\n")).toContain(LLAMA);
  });

  it("is read with the default when its vocabulary is not known", async () => {
    const { status, stderr } = await run(FOREIGN);
    expect(status).toBe(0);
    expect(stderr.split("\n")).toContain(OTHER);
  });

  it("is reported by info, too", async () => {
    const { stdout } = await runCli(["info", UNNAMED]);
    expect(stdout).toContain(`Notes\n  ${LLAMA.slice("note: ".length)}\n`);
    const { model } = JSON.parse((await runCli(["info", UNNAMED, "--json"])).stdout);
    expect(model.notes).toEqual([LLAMA.slice("note: ".length)]);
    expect(JSON.parse((await runCli(["info", MODEL, "--json"])).stdout).model.notes).toEqual([]);
  });
});

describe("--chat-template", () => {
  const template = join(folder, "plain.jinja");
  writeFileSync(template, "{% for m in messages %}{{ m['content'] }}{% endfor %}");

  it("takes a file, a text and the name of a built-in template", async () => {
    const plain = await promptTokens();
    const own = await promptTokens("-cnv");
    const file = await promptTokens("-cnv", "--chat-template", template);
    expect(own).toBeGreaterThan(plain);
    expect(file).toBe(plain);
    const text = "{{ messages[0]['content'] }}{{ messages[0]['content'] }}";
    expect(await promptTokens("-cnv", "--chat-template", text)).toBeGreaterThan(plain);
    // Golden model a has the template of BitNet b1.58 2B4T.
    expect(await promptTokens("-cnv", "--chat-template", "bitnet")).toBe(own);
    expect(await promptTokens("-cnv", "--chat-template", "llama3")).not.toBe(own);
  });

  it("is a setting that only conversations use", async () => {
    const env = { BITNET_CHAT_TEMPLATE: "llama3" };
    const args = ["run", "-q", "-m", MODEL, "-p", "x", "-n", "1", "--json"];
    const tokens = async (...more: string[]) =>
      JSON.parse((await runCli([...args, ...more], { env })).stdout).usage.promptTokens;
    expect(await tokens()).toBe(2);
    expect(await tokens("-cnv")).toBeGreaterThan(2);
  });

  const broken = join(folder, "broken.jinja");
  writeFileSync(broken, "{% for m in messages %}");

  it.each([
    [
      ["-cnv", "--chat-template", "lama3"],
      /^error: "lama3" is neither a chat template nor the name/,
    ],
    [["-cnv", "--chat-template", broken], /^error: chat template: /],
    [["--chat-template", "llama3"], /^error: --chat-template needs --conversation\nhint: add -cnv/],
  ])("%j", async (args, message) => {
    const result = await run(MODEL, "-q", ...args);
    expect(result).toEqual({ status: 2, stdout: "", stderr: expect.stringMatching(message) });
  });

  it("of the family stands in for one that the model does not have", async () => {
    const bare = join(folder, "bare.gguf");
    await editGguf(QWEN, bare, { metadata: { "tokenizer.chat_template": undefined } });
    const { status, stderr } = await run(bare, "-cnv");
    expect(status).toBe(0);
    expect(stderr).toMatch(/^note: the model has no chat template; 'chatml' is used$/m);
  });
});
