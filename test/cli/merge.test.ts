import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { randomAdapter, SHAPE_OF_A, writePeft } from "../support/lora.ts";

const MASTERS = goldenPath("models/a-master-bf16");
const TEXT = goldenPath("ppl/text.txt");

const folder = mkdtempSync(join(tmpdir(), "bitnet-merge-"));
const ADAPTER = join(folder, "adapter");
beforeAll(() => writePeft(ADAPTER, randomAdapter(SHAPE_OF_A)));
afterAll(() => rmSync(folder, { recursive: true }));

const merge = (output: string, ...args: string[]) =>
  runCli(["convert", MASTERS, "-o", join(folder, output), ...args]);

async function perplexity(model: string, ...args: string[]): Promise<number> {
  const command = ["perplexity", "-q", "-m", model, "-f", TEXT, "--json", ...args];
  return JSON.parse((await runCli(command)).stdout).perplexity;
}

describe("bitnet convert --merge-lora", () => {
  it("reports trits that changed and what that costs, and writes what it reports on", async () => {
    const scaled = `${ADAPTER}:0.1`;
    const { status, stdout, stderr } = await merge(
      ...["merged.gguf", "--json", "--text", TEXT, "--merge-lora", scaled, "--verify"],
    );
    expect(status).toBe(0);
    const { merge: report, verification, tensors } = JSON.parse(stdout);
    expect(tensors).toMatchObject({ I2_S: 14 });
    expect(report).toMatchObject({ matrices: 14, weights: 983_040 });
    expect(report.changedTrits).toBeGreaterThan(500);
    expect(report.changedTrits).toBeLessThan(983_040 / 4);
    expect(verification.weights).toBeGreaterThan(983_040);
    const [base, adapted, merged] = [
      await perplexity(MASTERS),
      await perplexity(MASTERS, "--lora", scaled),
      await perplexity(join(folder, "merged.gguf")),
    ];
    // Six windows of 512 tokens, 255 scored of each.
    expect(report.perplexity).toEqual({ scored: 6 * 255, base, adapted, merged });
    expect(new Set([base, adapted, merged]).size).toBe(3);
    expect(stderr).toMatch(/^measuring the model\n/);
  });

  it("says it in words, on a text of its own", async () => {
    const { status, stdout, stderr } = await merge("words.gguf", "--merge-lora", `${ADAPTER}:0.1`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\/.*words\.gguf {2}\d+ KiB {2}\d+ m?s\n$/);
    expect(stderr).toMatch(/^merged into 14 matrices: \d+(\.\d+)? % of 983 k trits changed$/m);
    expect(stderr).toMatch(
      /^perplexity over \d+ tokens: \d+\.\d{4} before, \d+\.\d{4} with the adapters apart, \d+\.\d{4} merged$/m,
    );
  });

  it("takes several adapters, which add up", async () => {
    const report = async (output: string, ...adapters: string[]) => {
      const flags = adapters.flatMap((adapter) => ["--merge-lora", adapter]);
      return JSON.parse((await merge(output, "--json", "-q", ...flags)).stdout).merge;
    };
    const opposite = await report("none.gguf", `${ADAPTER}:2`, `${ADAPTER}:-2`);
    expect(opposite).toMatchObject({ matrices: 14, changedTrits: 0 });
    const off = await report("off.gguf", `${ADAPTER}:0`);
    expect(off).toMatchObject({ matrices: 0, weights: 0, changedTrits: 0 });
    expect(off.perplexity.merged).toBe(off.perplexity.base);
  });

  it("without a tokenizer does the rest", async () => {
    const mute = join(folder, "mute");
    cpSync(MASTERS, mute, { recursive: true });
    rmSync(join(mute, "tokenizer.json"));
    const flags = ["-o", join(folder, "mute.gguf"), "--merge-lora", ADAPTER];
    const { status, stderr } = await runCli(["convert", mute, ...flags]);
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^merged into 14 matrices: .*\nperplexity not measured: .* no tokenizer$/m,
    );
  });

  it.each([
    ["packed weights", goldenPath("models/a-packed"), /is not a matrix of master weights\nhint: /],
    ["a GGUF file", goldenPath("gguf/a.i2_s.gguf"), /is not a matrix of master weights\nhint: /],
  ])("of %s is refused", async (_name, model, message) => {
    const output = join(folder, "refused.gguf");
    const result = await runCli(["convert", model, "-o", output, "--merge-lora", ADAPTER]);
    expect(result).toEqual({ status: 5, stdout: "", stderr: expect.stringMatching(message) });
    expect(existsSync(output)).toBe(false);
  });

  it.each([
    [["--text", TEXT], 2, /^error: --text needs --merge-lora\nhint: /],
    [["--merge-lora", "/nonexistent"], 3, /^error: cannot read \/nonexistent/],
    [["--merge-lora", ""], 2, /^error: --merge-lora expects ADAPTER or ADAPTER:SCALE/],
  ])("%j", async (args, status, message) => {
    const result = await merge("wrong.gguf", "-q", ...args);
    expect(result).toEqual({ status, stdout: "", stderr: expect.stringMatching(message) });
    expect(existsSync(join(folder, "wrong.gguf"))).toBe(false);
  });

  it("with a text too short to measure writes nothing", async () => {
    const short = join(folder, "short.txt");
    writeFileSync(short, "the king");
    const result = await merge("short.gguf", "-q", "--merge-lora", ADAPTER, "--text", short);
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/^error: a text of \d+ tokens is too short to measure/);
    expect(existsSync(join(folder, "short.gguf"))).toBe(false);
  });
});
