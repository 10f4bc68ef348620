import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { logSoftmax } from "../support/compare.ts";
import { goldenModel, goldenPath, goldenTextIds, readGoldenJson } from "../support/golden.ts";
import { randomAdapter, SHAPE_OF_A, writePeft } from "../support/lora.ts";
import { referenceModel } from "../support/reference.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");
const TEXT = goldenPath("ppl/text.txt");
const { results } = readGoldenJson<{
  results: Record<string, { readonly ppl: number; readonly scored: number }>;
}>("ppl/a.json");

const folder = mkdtempSync(join(tmpdir(), "bitnet-perplexity-"));
afterAll(() => rmSync(folder, { recursive: true }));

const measure = (...args: string[]) => runCli(["perplexity", "-q", "-m", MODEL, ...args]);

async function measureJson(...args: string[]) {
  const { status, stdout, stderr } = await measure("-f", TEXT, "--json", ...args);
  if (status !== 0) expect.unreachable(stderr);
  return JSON.parse(stdout);
}

/** Within a share of the second. */
function relative(a: number, b: number | undefined): number {
  return Math.abs(a / (b ?? Number.NaN) - 1);
}

describe("bitnet perplexity", () => {
  it.each(["64", "128", "256"])("is the golden one in windows of %s tokens", async (ctx) => {
    const found = await measureJson("-c", ctx);
    const golden = results[`ctx${ctx}.f64`];
    expect(found.scored).toBe(golden?.scored);
    expect(found.tokens).toBe(goldenTextIds().ids.length);
    expect(relative(found.perplexity, golden?.ppl)).toBeLessThan(0.003);
  });

  it("--json is one document", async () => {
    const { perplexity, standardError, loss, ...facts } = await measureJson("-c", "64");
    expect(facts).toEqual({
      model: MODEL,
      tokens: 3192,
      chunks: 49,
      ctxSize: 64,
      stride: null,
      scored: 1519,
    });
    expect(Math.exp(loss)).toBeCloseTo(perplexity, 6);
    // Losses of a random model spread by some 2 nats: 2 / sqrt(1519) of the perplexity.
    expect(standardError / perplexity).toBeGreaterThan(0.03);
    expect(standardError / perplexity).toBeLessThan(0.1);
  });

  it("prints a table, and the same for text from a pipe", async () => {
    const file = await measure("-f", TEXT, "-c", "64");
    expect(file.status).toBe(0);
    expect(file.stdout).toMatch(
      /^perplexity {2}7\d{3}\.\d{4} \+\/- \d+\.\d{4}\nscored {6}1519 tokens in 49 windows of 64\n$/,
    );
    const input = readFileSync(TEXT);
    const pipe = await runCli(["perplexity", "-q", "-m", MODEL, "-c", "64"], { input });
    expect(pipe.stdout).toBe(file.stdout);
  });

  it("scores the last tokens of windows that overlap, with BOS first in each", async () => {
    const found = await measureJson("-c", "48", "--stride", "16", "--chunks", "3", "--kv-type=f32");
    const { bos, ids } = goldenTextIds();
    const reference = referenceModel(goldenModel("models/a-packed"));
    const losses = [0, 16, 32].flatMap((begin) => {
      const window = [bos, ...ids.slice(begin + 1, begin + 48)];
      const logits = reference.logits(window).map(logSoftmax);
      return window.slice(32).map((id, i) => -(logits[31 + i]?.[id] ?? Number.NaN));
    });
    const loss = losses.reduce((sum, one) => sum + one, 0) / losses.length;
    expect(found).toMatchObject({ chunks: 3, stride: 16, ctxSize: 48, scored: 48 });
    // Activations that lie on the border of two int8 codes may go either way.
    expect(Math.abs(found.loss - loss)).toBeLessThan(0.01);
  });

  it("--activations none is the float reference", async () => {
    const args = ["-c", "64", "--chunks", "1", "--kv-type", "f32"];
    const [int8, none] = [
      await measureJson(...args),
      await measureJson(...args, "--activations", "none"),
    ];
    const { bos, ids } = goldenTextIds();
    const window = [bos, ...ids.slice(1, 64)];
    const floats = referenceModel(goldenModel("models/a-packed"), { activations: "none" });
    const logits = floats.logits(window).map(logSoftmax);
    const losses = window.slice(33).map((id, i) => -(logits[32 + i]?.[id] ?? Number.NaN));
    const loss = losses.reduce((sum, one) => sum + one, 0) / losses.length;
    expect(Math.abs(none.loss - loss)).toBeLessThan(1e-4);
    expect(Math.abs(int8.loss - loss)).toBeGreaterThan(1e-3);
  });
});

describe("bitnet perplexity --compare", () => {
  const short = ["-c", "64", "--chunks", "8"];

  it("finds no difference between a file and its checkpoint", async () => {
    const checkpoint = goldenPath("models/a-packed");
    const { other, divergence, ...rest } = await measureJson(...short, "--compare", checkpoint);
    expect(other.perplexity).toBe(rest.perplexity);
    expect(divergence).toEqual({
      klMean: 0,
      klStandardError: 0,
      klMax: 0,
      top1Agreement: 1,
      maxProbabilityShift: 0,
    });
    expect(rest).toMatchObject({ model: MODEL, compared: checkpoint, scored: 8 * 31 });
  });

  it("measures a rounded embedding", async () => {
    const rounded = join(folder, "q4.gguf");
    await runCli(["convert", MODEL, "-q", "-o", rounded, "--embd-type", "q4_0"]);
    const { divergence, perplexity, other } = await measureJson(...short, "--compare", rounded);
    expect(divergence.klMean).toBeGreaterThan(0);
    expect(divergence.klMax).toBeGreaterThan(divergence.klMean);
    expect(divergence.top1Agreement).toBeGreaterThan(0.5);
    expect(divergence.top1Agreement).toBeLessThan(1);
    expect(divergence.maxProbabilityShift).toBeGreaterThan(0.01);
    expect(other.perplexity).not.toBe(perplexity);
    const { stdout } = await measure("-f", TEXT, ...short, "--compare", rounded);
    expect(stdout).toMatch(/^compared .* \+\/- /m);
    expect(stdout).toMatch(/^KL divergence {3}\d\.\d+ \+\/- \d\.\d+ nats, at most \d/m);
    expect(stdout).toMatch(/^same top token +\d\d\.\d\d %$/m);
    expect(stdout).toMatch(/^largest shift +0\.\d+ of a probability$/m);
  });

  it("refuses another vocabulary", async () => {
    const qwen = goldenPath("gguf/d.q2_0.gguf");
    const { status, stderr } = await measure("-f", TEXT, "--compare", qwen);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: .*d\.q2_0\.gguf has another vocabulary than .*\nhint: /);
  });

  it("names a file that is not there", async () => {
    const { status, stderr } = await measure("-f", TEXT, "--compare", "nothing.gguf");
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error: no such file or directory: nothing\.gguf/);
  });
});

describe("bitnet perplexity --lora", () => {
  const short = ["-c", "64", "--chunks", "2"];
  const one = join(folder, "one");
  const two = join(folder, "two");
  writePeft(one, randomAdapter(SHAPE_OF_A, { seed: 1 }));
  writePeft(two, randomAdapter(SHAPE_OF_A, { seed: 2, only: /q_proj/ }));

  it("applies adapters to the model, not to the other of --compare", async () => {
    const base = await measureJson(...short);
    const adapted = await measureJson(...short, "--lora", one, "--compare", MODEL);
    expect(adapted.other.perplexity).toBe(base.perplexity);
    expect(adapted.perplexity).not.toBe(base.perplexity);
    expect(adapted.divergence.klMean).toBeGreaterThan(0.01);
  });

  it("adds several up, in any order, each with its scale", async () => {
    const both = await measureJson(...short, "--lora", `${one}:0.5`, "--lora", `${two}:-2`);
    const swapped = await measureJson(...short, "--lora", `${two}:-2`, "--lora", `${one}:.5`);
    const alone = await measureJson(...short, "--lora", `${one}:0.5`);
    expect(relative(swapped.perplexity, both.perplexity)).toBeLessThan(0.02);
    expect(alone.perplexity).not.toBe(both.perplexity);
    const off = await measureJson(...short, "--lora", `${one}:0`);
    expect(off.perplexity).toBe((await measureJson(...short)).perplexity);
  });
});

describe("bitnet perplexity, told wrongly", () => {
  const run = (...args: string[]) => measure("-f", TEXT, ...args);

  it.each([
    [["-c", "2"], 2, /^error: nothing can be scored in windows of 2 tokens\nhint: /],
    [["-c", "1024"], 2, /^error: windows of 1024 tokens: the model was made for 512\nhint: /],
    [["-c", "64", "--stride", "64"], 2, /^error: a stride of 64 does not fit windows of 64/],
    [["--stride", "0"], 2, /^error: --stride expects a whole number of at least 1/],
    [["--chunks", "0"], 2, /^error: --chunks expects a whole number of at least 1/],
    [["-p", "x"], 2, /^error: --prompt and --file exclude one another/],
    [["words"], 2, /^error: too many arguments for 'perplexity'/],
  ])("%j", async (args, status, message) => {
    const result = await run(...args);
    expect(result).toEqual({ status, stdout: "", stderr: expect.stringMatching(message) });
  });

  it.each([
    ["a short text", "too short", /^error: the text has \d+ tokens, one window has 512\nhint: /],
    ["no text", "", /error: no text\nhint: pass it with -f FILE or in a pipe\n$/],
    ["bytes", Uint8Array.from([0xff, 0xfe, 0, 1]), /^error: the text from standard input is not/],
  ])("%s on standard input", async (_name, input, message) => {
    const { status, stdout, stderr } = await runCli(["perplexity", "-q", "-m", MODEL], { input });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("with --json says it as a document, too", async () => {
    writeFileSync(join(folder, "short.txt"), "short");
    const result = await measure("-f", join(folder, "short.txt"), "--json");
    expect(result.status).toBe(2);
    expect(JSON.parse(result.stdout).error.code).toBe("E_USAGE");
  });
});
