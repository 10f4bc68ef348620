import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openModelSource } from "../../src/checkpoint/open.ts";
import { tokenizerFromMetadata } from "../../src/tokenizer/from-gguf.ts";
import { encodePrompt } from "../../src/tokenizer/tokenizer.ts";
import { runCli, runShell } from "../support/cli.ts";
import { goldenModel, goldenPath } from "../support/golden.ts";
import { referenceModel } from "../support/reference.ts";

/** An embedding model of 128 dimensions, pooled from the last token. */
const MODEL = goldenPath("gguf/e.i2_s.gguf");
const TEXTS = ["the king of the river", "a", "one two three four five six seven"];

const folder = mkdtempSync(join(tmpdir(), "bitnet-embed-"));
afterAll(() => rmSync(folder, { recursive: true }));
const FILE = join(folder, "texts.txt");
writeFileSync(FILE, `${TEXTS.join("\n")}\n`);

const embed = (...args: string[]) => runCli(["embed", "-q", "-m", MODEL, ...args]);

interface Document {
  readonly embeddings: readonly { index: number; tokens: number; embedding: number[] }[];
}

async function embedJson(...args: string[]): Promise<Document & Record<string, unknown>> {
  const { status, stdout, stderr } = await embed(...args);
  if (status !== 0) expect.unreachable(stderr);
  return JSON.parse(stdout);
}

async function vectorOf(...args: string[]): Promise<number[]> {
  return (await embedJson(...args)).embeddings[0]?.embedding ?? [];
}

async function idsOf(text: string): Promise<Int32Array> {
  const { metadata } = await openModelSource(MODEL);
  return encodePrompt(tokenizerFromMetadata(metadata), text, { special: false });
}

function unit(vector: ArrayLike<number>): number[] {
  const values = Array.from(vector);
  const length = Math.hypot(...values);
  return values.map((x) => x / length);
}

function distance(a: readonly number[], b: readonly number[]): number {
  expect(a).toHaveLength(b.length);
  return Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? Number.NaN))));
}

/** The vectors of a text by the reference. */
async function expected(text: string) {
  const ids = [...(await idsOf(text))];
  const states = referenceModel(goldenModel("models/e")).hidden(ids);
  const [first, last] = [states[0] ?? [], states.at(-1) ?? []];
  const mean = Array.from(last, (_, i) => {
    return states.reduce((sum, state) => sum + (state[i] ?? 0), 0) / states.length;
  });
  return { ids, last, first, mean };
}

describe("bitnet embed", () => {
  it("prints one document for the text of the command line", async () => {
    const document = await embedJson("the king", "--kv-type", "f32");
    const { embeddings, ...facts } = document;
    expect(facts).toEqual({
      model: MODEL,
      dimensions: 128,
      pooling: "last",
      normalized: true,
      usage: { promptTokens: embeddings[0]?.tokens },
    });
    expect(embeddings).toHaveLength(1);
    expect(embeddings[0]).toMatchObject({ index: 0, tokens: (await idsOf("the king")).length });
    expect(await embedJson("-p", "the king", "--kv-type", "f32")).toEqual(document);
  });

  it("gives the vectors of the reference to 1e-5", async () => {
    const text = "the king";
    const { last, first, mean } = await expected(text);
    const vector = (...args: string[]) => vectorOf(text, "--kv-type", "f32", ...args);
    expect(distance(await vector(), unit(last))).toBeLessThan(1e-5);
    expect(distance(await vector("--pooling", "cls"), unit(first))).toBeLessThan(1e-5);
    expect(distance(await vector("--pooling", "mean"), unit(mean))).toBeLessThan(1e-5);
    const raw = await vector("--no-normalize");
    expect(distance(raw, Array.from(last))).toBeLessThan(1e-4);
    const short = await vector("--dimensions", "16");
    expect(distance(short, unit(Array.from(last).slice(0, 16)))).toBeLessThan(1e-5);
  });

  it("takes each line of a file or of standard input, and gives the bits of each alone", async () => {
    const alone = await Promise.all(TEXTS.map((text) => vectorOf(text)));
    const { embeddings } = await embedJson("-f", FILE);
    expect(embeddings.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(embeddings.map(({ embedding }) => embedding)).toEqual(alone);
    const lines = await runCli(["embed", "-q", "-m", MODEL, "--format", "jsonl"], {
      input: TEXTS.join("\r\n"),
    });
    expect(
      lines.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(embeddings);
  });

  it("gives the same bits however many texts share a forward pass", async () => {
    const many = join(folder, "many.txt");
    const texts = Array.from({ length: 60 }, (_, i) =>
      "the river and the king ".repeat(1 + (i % 7)),
    );
    writeFileSync(many, texts.join("\n"));
    const [all, one] = await Promise.all([
      embedJson("-f", many),
      embedJson("-f", many, "-b", "1", "-t", "1"),
    ]);
    expect(all.embeddings).toHaveLength(60);
    expect(all.embeddings).toEqual(one.embeddings);
  });

  it("writes bare floats, little endian, one vector after the other", async () => {
    const { stdout } = await runShell(
      `bitnet embed -q -m ${MODEL} -f ${FILE} --dimensions 8 --format f32 | od -An -v -t x1`,
    );
    const bytes = Buffer.from(stdout.replaceAll(/\s/g, ""), "hex");
    const floats = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
    const { embeddings } = await embedJson("-f", FILE, "--dimensions", "8");
    const shown = embeddings.flatMap(({ embedding }) => embedding.map(Math.fround));
    expect(floats).toEqual(shown);
  });

  it("puts the instruction before every text", async () => {
    const queries = ["a", "b"].map((text) => vectorOf(`Query: \n${text}`));
    writeFileSync(join(folder, "queries.txt"), "a\nb\n");
    const { embeddings } = await embedJson(
      ...["-f", join(folder, "queries.txt"), "-e", "--instruction", "Query: \\n"],
    );
    expect(embeddings.map(({ embedding }) => embedding)).toEqual(await Promise.all(queries));
  });

  it("of a language model takes the last token, too", async () => {
    const { stdout } = await runCli(["embed", "-q", "-m", goldenPath("gguf/a.i2_s.gguf"), "the"]);
    expect(JSON.parse(stdout)).toMatchObject({ pooling: "last", dimensions: 256 });
  });

  it("--activations none is another vector, near the first", async () => {
    const [int8, none] = await Promise.all([
      vectorOf("the king", "--activations", "int8"),
      vectorOf("the king", "--activations", "none"),
    ]);
    expect(int8).toEqual(await vectorOf("the king"));
    expect(distance(int8, none)).toBeGreaterThan(1e-4);
    expect(distance(int8, none)).toBeLessThan(0.1);
  });
});

describe("bitnet embed, told wrongly", () => {
  it.each([
    [["a", "-p", "b"], /^error: a text was given twice\nhint: /],
    [["-p", "b", "-f", FILE], /^error: --prompt and --file exclude one another/],
    [["a", "-f", FILE], /^error: --prompt and --file exclude one another/],
    [["a", "b"], /^error: too many arguments for 'embed'/],
    [[""], /^error: the text is empty/],
    [["a", "--dimensions", "129"], /^error: 129 dimensions: the model has 128\nhint: pass --dim/],
    [["a", "--dimensions", "0"], /^error: --dimensions expects a whole number of at least 1/],
    [["a", "--pooling", "max"], /^error: --pooling expects one of last, mean, cls/],
    [["a", "--format", "csv"], /^error: --format expects one of json, jsonl, f32/],
    [["a", "--json", "--format", "f32"], /^error: --json and --format f32 exclude one another/],
    [["a", "--activations", "int4"], /^error: --activations expects one of int8, none/],
    [["a", "--lora", ""], /^error: --lora expects ADAPTER or ADAPTER:SCALE, got ""/],
  ])("%j", async (args, message) => {
    const { status, stderr } = await embed(...args);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(message) });
  });

  it.each([
    ["an empty line", "a\n\nb\n", /^error: line 2 of standard input is empty\nhint: /],
    ["bytes", Uint8Array.from([97, 10, 0xff, 0xfe, 0, 10]), /^error: standard input is not UTF-8/],
  ])("%s", async (_name, input, message) => {
    const { status, stderr, stdout } = await runCli(["embed", "-q", "-m", MODEL], { input });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("a file that is not there", async () => {
    const { status, stderr } = await embed("-f", join(folder, "nothing.txt"));
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error: cannot read .*nothing\.txt: no such file/);
  });

  it("a text longer than the context window", async () => {
    const { status, stderr } = await embed("the king ".repeat(2000));
    expect(status).toBe(7);
    expect(stderr).toMatch(/^error: context is full/);
  });
});

describe("bitnet embed in pipelines", () => {
  it("no lines give no vectors", async () => {
    expect((await embedJson()).embeddings).toEqual([]);
    const lines = await runCli(["embed", "-q", "-m", MODEL, "--format", "jsonl"]);
    expect(lines).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("ends when nobody reads on", async () => {
    const { stdout, stderr } = await runShell(
      `yes the king | bitnet embed -q -m ${MODEL} --format jsonl | head -n 2 | wc -l; echo \${PIPESTATUS[@]}`,
    );
    const [lines, statuses] = stdout.trim().split("\n");
    expect(lines?.trim()).toBe("2");
    expect(statuses?.split(" ")[1]).toBe("0");
    expect(stderr).toBe("");
  });
});
