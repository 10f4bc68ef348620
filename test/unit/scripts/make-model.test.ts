import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import { convertModel } from "../../../src/convert/pipeline.ts";
import { readGguf } from "../../../src/gguf/reader.ts";
import type { GgufFile } from "../../../src/gguf/types.ts";
import { tensorData, tensorHashes } from "../../support/gguf.ts";
import { referenceAddon } from "../../support/reference-addon.ts";
import { importScript, runScript } from "../../support/run-script.ts";
import { tempDir } from "../../support/temp-dir.ts";

interface Shape {
  readonly dModel: number;
  readonly dFf: number;
  readonly vocabSize: number;
}

interface MakeModel {
  makeModel(options: {
    output: string;
    preset?: string;
    shape?: Partial<Shape>;
    format?: "packed" | "masters" | "gguf";
    seed?: number;
  }): Promise<void>;
}

interface Tokenizer {
  llama3Tokenizer(vocabSize: number): Promise<{
    bos: number;
    eos: number;
    eot: number;
    tokenizer: {
      added_tokens: { id: number; content: string }[];
      model: { vocab: Record<string, number>; merges: string[] };
    };
  }>;
}

let makeModel: MakeModel["makeModel"];
let llama3Tokenizer: Tokenizer["llama3Tokenizer"];

beforeAll(async () => {
  ({ makeModel } = await importScript<MakeModel>("make-model.mjs"));
  ({ llama3Tokenizer } = await importScript<Tokenizer>("make-model/tokenizer.mjs"));
});

/** Small enough for the reference conversion, with as many layers as it takes to see mixed-up names. */
const SHAPE = { dModel: 64, dFf: 128, nLayers: 2, vocabSize: 300 };

async function make(format: "packed" | "masters" | "gguf", seed = 1): Promise<string> {
  const output = join(tempDir(), format === "gguf" ? "model.gguf" : "model");
  await makeModel({ output, format, seed, shape: SHAPE });
  return output;
}

async function converted(folder: string): Promise<GgufFile> {
  const output = join(tempDir(), "model.gguf");
  const model = await openModelSource(folder);
  await convertModel(model, { outtype: "i2_s", addon: referenceAddon(), output });
  return readGguf(output);
}

function bytesOf(file: GgufFile): Map<string, Buffer> {
  return new Map(file.tensors.map(({ name }) => [name, tensorData(file, name)]));
}

describe("make-model", () => {
  test("packed checkpoint, converted, equals the GGUF made at once", async () => {
    const direct = await readGguf(await make("gguf"));
    const file = await converted(await make("packed"));
    expect([...file.metadata]).toEqual([...direct.metadata]);
    expect(tensorHashes(file)).toEqual(tensorHashes(direct));
  });

  test("masters are ternarised to the same trits, with nearly the same scale", async () => {
    const direct = bytesOf(await readGguf(await make("gguf")));
    const fromMasters = bytesOf(await converted(await make("masters")));
    for (const [name, bytes] of direct) {
      if (name.includes("norm") || name.includes("embd")) continue;
      const other = fromMasters.get(name) ?? Buffer.alloc(0);
      const payload = bytes.length - 32;
      expect(other.subarray(0, payload).equals(bytes.subarray(0, payload)), name).toBe(true);
      const ratio = other.readFloatLE(payload) / bytes.readFloatLE(payload);
      expect(Math.abs(ratio - 1)).toBeLessThan(0.06);
    }
  });

  test("the seed decides", async () => {
    const [first, again, other] = await Promise.all([make("gguf"), make("gguf"), make("gguf", 2)]);
    const bytes = async (path: string) => tensorHashes(await readGguf(path));
    expect(await bytes(again)).toEqual(await bytes(first));
    expect(await bytes(other)).not.toEqual(await bytes(first));
  });

  test("trits are evenly drawn and never the invalid code", async () => {
    const file = await readGguf(await make("gguf"));
    const counts = [0, 0, 0, 0];
    for (const { name, type } of file.tensors) {
      if (type.name !== "I2_S") continue;
      for (const byte of tensorData(file, name).subarray(0, -32)) {
        for (const shift of [0, 2, 4, 6]) {
          const code = (byte >> shift) & 3;
          counts[code] = (counts[code] ?? 0) + 1;
        }
      }
    }
    const all = counts.reduce((sum, n) => sum + n, 0);
    expect(counts[3]).toBe(0);
    for (const n of counts.slice(0, 3)) expect(n / all).toBeCloseTo(1 / 3, 1);
  });

  test("the whole Llama 3 vocabulary, with the names of Llama 3 and not of 3.1", async () => {
    const { bos, eos, eot, tokenizer } = await llama3Tokenizer(128_256);
    const { vocab, merges } = tokenizer.model;
    expect(Object.keys(vocab)).toHaveLength(128_000);
    expect(merges).toHaveLength(280_147);
    expect({ bos, eos, eot }).toEqual({ bos: 128_000, eos: 128_001, eot: 128_009 });
    const named = new Map(tokenizer.added_tokens.map(({ id, content }) => [id, content]));
    expect(named.size).toBe(256);
    expect(named.get(128_002)).toBe("<|reserved_special_token_0|>");
    expect(named.get(128_004)).toBe("<|reserved_special_token_2|>");
    expect(named.get(128_006)).toBe("<|start_header_id|>");
    expect(named.get(128_007)).toBe("<|end_header_id|>");
    expect(named.get(128_008)).toBe("<|reserved_special_token_4|>");
    expect(named.get(128_010)).toBe("<|reserved_special_token_5|>");
    expect(named.get(128_255)).toBe("<|reserved_special_token_250|>");
    expect([vocab["!"], vocab["Ġ"], vocab["Hello"]]).toEqual([0, 220, 9906]);
  });

  test("a small vocabulary is closed under its merges", async () => {
    const { tokenizer } = await llama3Tokenizer(2000);
    const { vocab, merges } = tokenizer.model;
    expect(Object.keys(vocab)).toHaveLength(2000 - 16);
    expect(tokenizer.added_tokens[0]?.id).toBe(2000 - 16);
    const made = new Set<string>();
    for (const merge of merges) {
      const [left = "", right = ""] = merge.split(" ");
      expect(vocab).toHaveProperty([left]);
      expect(vocab).toHaveProperty([right]);
      made.add(left + right);
    }
    for (const piece of Object.keys(vocab)) {
      if ([...piece].length > 1) expect(made.has(piece), piece).toBe(true);
    }
  });

  test("impossible shapes and misuse", async () => {
    const output = join(tempDir(), "model");
    await expect(makeModel({ output, preset: "none" })).rejects.toThrow(
      /unknown preset none; known/,
    );
    await expect(makeModel({ output, shape: { vocabSize: 100 } })).rejects.toThrow(/vocabSize 100/);
    await expect(makeModel({ output, shape: { dModel: 130 } })).rejects.toThrow(
      /not an even multiple/,
    );
    await expect(makeModel({ output, shape: { dFf: Number.NaN } })).rejects.toThrow(/dFf is NaN/);
    expect(runScript("make-model.mjs", []).text).toMatch(/^usage:/);
    expect(runScript("make-model.mjs", []).status).toBe(2);
  });
});
