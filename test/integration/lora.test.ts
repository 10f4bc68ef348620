import { statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  BitnetError,
  type LoraOption,
  ModelFormatError,
  NotFoundError,
  type OpenModel,
  openModel,
  UnsupportedError,
  UsageError,
} from "../../src/index.ts";
import { deviation, rowsOf } from "../support/compare.ts";
import { goldenModel, goldenPath, goldenSequences } from "../support/golden.ts";
import {
  peftTensors,
  randomAdapter,
  SHAPE_OF_A,
  SHAPE_OF_C,
  safetensors,
  type TestAdapter,
  writeGgufAdapter,
  writePeft,
} from "../support/lora.ts";
import { referenceModel } from "../support/reference.ts";
import type { LowRankUpdate } from "../support/reference-ops.ts";
import { tempDir } from "../support/temp-dir.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");
const VOCAB = 512;
const IDS = goldenSequences("a").find(({ ids }) => ids.length === 7)?.ids ?? [];

function open(lora: readonly LoraOption[], path = MODEL): Promise<OpenModel> {
  return openModel(path, { lora, kvType: "f32", threads: 2 });
}

async function logitsWith(lora: readonly LoraOption[], path = MODEL): Promise<Float32Array> {
  const model = await open(lora, path);
  try {
    return await model.createSession().evaluate(IDS, "all");
  } finally {
    await model.close();
  }
}

function referenceUpdates(
  adapters: readonly (readonly [TestAdapter, number])[],
): Map<string, LowRankUpdate[]> {
  const all = new Map<string, LowRankUpdate[]>();
  for (const [{ rank, alpha, updates }, scale] of adapters) {
    for (const { module, a, b } of updates) {
      const update = {
        a: Float64Array.from(a),
        b: Float64Array.from(b),
        scale: (scale * alpha) / rank,
      };
      all.set(module, [...(all.get(module) ?? []), update]);
    }
  }
  return all;
}

const expected = (...adapters: (readonly [TestAdapter, number])[]) =>
  referenceModel(goldenPath("models/a-packed"), {}, referenceUpdates(adapters)).logits(IDS);

let base: Float32Array;
beforeAll(async () => {
  base = await logitsWith([]);
});

describe("LoRA adapters", () => {
  it.each([
    ["every matrix", /./],
    ["queries", /layers\.0\.self_attn\.q_proj/],
    ["keys and values", /[kv]_proj/],
    ["what comes behind sub-norms", /o_proj|down_proj/],
    ["the gate of one layer", /layers\.1\.mlp\.gate_proj/],
  ])("of %s give the logits of the reference", async (_name, only) => {
    const folder = tempDir();
    const adapter = randomAdapter(SHAPE_OF_A, { only, seed: 3 });
    writePeft(folder, adapter);
    const logits = rowsOf(await logitsWith([{ path: folder }]), VOCAB);
    const found = deviation(expected([adapter, 1]), logits);
    expect(found.maxAbs).toBeLessThan(1e-3);
    expect(deviation(rowsOf(base, VOCAB).map(doubles), logits).maxAbs).toBeGreaterThan(0.05);
  });

  it("are the same as PEFT folder, as safetensors file and as GGUF file, for GGUF model and checkpoint", async () => {
    const folder = tempDir();
    const adapter = randomAdapter(SHAPE_OF_A);
    writePeft(folder, adapter);
    await writeGgufAdapter(join(folder, "adapter.gguf"), adapter);
    const first = await logitsWith([{ path: folder }]);
    for (const path of ["adapter_model.safetensors", "adapter.gguf"]) {
      expect(await logitsWith([{ path: join(folder, path) }])).toEqual(first);
    }
    const checkpoint = goldenPath("models/a-packed");
    expect(await logitsWith([{ path: folder }], checkpoint)).toEqual(first);
  });

  it("add up, each with its scale, whatever their ranks", async () => {
    const folder = tempDir();
    const one = randomAdapter(SHAPE_OF_A, { seed: 5, rank: 3, alpha: 6, only: /q_proj|up_proj/ });
    const two = randomAdapter(SHAPE_OF_A, { seed: 6, rank: 17, alpha: 8, only: /q_proj|v_proj/ });
    writePeft(join(folder, "one"), one);
    await writeGgufAdapter(join(folder, "two.gguf"), two);
    const lora = [
      { path: join(folder, "one"), scale: 0.5 },
      { path: join(folder, "two.gguf"), scale: -1.5 },
    ];
    const logits = rowsOf(await logitsWith(lora), VOCAB);
    expect(deviation(expected([one, 0.5], [two, -1.5]), logits).maxAbs).toBeLessThan(1e-3);
  });

  it("of the family llama have permuted rows in GGUF files alone", async () => {
    const path = tempDir();
    const gguf = join(path, "permuted.gguf");
    const adapter = randomAdapter(SHAPE_OF_C, { seed: 2, only: /[qkv]_proj/ });
    writePeft(path, adapter);
    await writeGgufAdapter(gguf, adapter, { family: "llama", permute: { q: 4, k: 2 } });
    const model = goldenPath("gguf/c.i2_s.gguf");
    const logits = await logitsWith([{ path }], model);
    expect(await logitsWith([{ path: gguf }], model)).toEqual(logits);
    const reference = referenceModel(goldenModel("models/c"), {}, referenceUpdates([[adapter, 1]]));
    expect(deviation(reference.logits(IDS), rowsOf(logits, VOCAB)).maxAbs).toBeLessThan(1e-3);
  });

  it("of scale 0 leave every bit as it is", async () => {
    const folder = tempDir();
    writePeft(folder, randomAdapter(SHAPE_OF_A));
    expect(await logitsWith([{ path: folder, scale: 0 }])).toEqual(base);
  });

  it("give the same bits for any batch size and thread count", async () => {
    const folder = tempDir();
    writePeft(folder, randomAdapter(SHAPE_OF_A, { rank: 8 }));
    const [first, ...others] = await Promise.all(
      [
        { threads: 1, batchSize: 512 },
        { threads: 2, batchSize: 3 },
        { threads: 3, batchSize: 1 },
      ].map(async (options) => {
        const model = await openModel(MODEL, { ...options, lora: [{ path: folder }] });
        const logits = await model.createSession().evaluate(IDS, "all");
        await model.close();
        return logits;
      }),
    );
    for (const other of others) expect(other).toEqual(first);
  });
});

describe("adapters that do not fit", () => {
  const only = /layers\.1\.mlp\.up_proj/;
  const adapter = randomAdapter(SHAPE_OF_A, { only });

  async function failure(lora: LoraOption): Promise<BitnetError> {
    const error = await open([lora]).then(
      (model) => model.close(),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof BitnetError)) expect.unreachable(`no BitnetError: ${error}`);
    return error as BitnetError;
  }

  it("wrong shapes name the matrix", async () => {
    const path = tempDir();
    const wide = randomAdapter({ ...SHAPE_OF_A, model: 128 }, { only });
    writePeft(path, wide);
    const error = await failure({ path });
    expect(error).toBeInstanceOf(ModelFormatError);
    expect(error.message).toMatch(/does not fit blk\.1\.ffn_up\.weight \[384, 256\]/);
  });

  it("a rank that differs between A and B", async () => {
    const path = tempDir();
    const tensors = peftTensors(adapter);
    const [a, b] = tensors;
    if (!a || !b) expect.unreachable();
    writePeft(path, adapter, {}, [a, { ...b, shape: [192, 8] }]);
    expect((await failure({ path })).message).toMatch(/does not fit blk\.1\.ffn_up\.weight/);
  });

  it("a layer that the model does not have", async () => {
    const path = tempDir();
    writePeft(path, randomAdapter({ ...SHAPE_OF_A, layers: 3 }, { only: /layers\.2\.mlp\.up/ }));
    const error = await failure({ path });
    expect(error).toBeInstanceOf(ModelFormatError);
    expect(error.message).toMatch(/blk\.2\.ffn_up\.weight, which this model does not have/);
  });

  it("numbers that are not finite", async () => {
    const path = tempDir();
    const [first] = adapter.updates;
    if (!first) expect.unreachable();
    const a = Float32Array.from(first.a);
    a[7] = Number.NaN;
    writePeft(path, { ...adapter, updates: [{ ...first, a }] });
    expect((await failure({ path })).message).toMatch(/not a finite number/);
  });

  it("a damaged file", async () => {
    const path = tempDir();
    writePeft(path, adapter);
    const file = join(path, "adapter_model.safetensors");
    const bytes = safetensors(peftTensors(adapter));
    for (const end of [4, 100, bytes.length - 1]) {
      writeFileSync(file, bytes.subarray(0, end));
      expect(await failure({ path })).toBeInstanceOf(ModelFormatError);
    }
    const gguf = join(path, "cut.gguf");
    await writeGgufAdapter(gguf, adapter);
    truncateSync(gguf, statSync(gguf).size - 64);
    expect(await failure({ path: gguf })).toBeInstanceOf(ModelFormatError);
  });

  it("nothing there", async () => {
    expect(await failure({ path: "/nonexistent/adapter" })).toBeInstanceOf(NotFoundError);
    expect(await failure({ path: tempDir() })).toBeInstanceOf(NotFoundError);
  });

  it("a model in place of an adapter", async () => {
    const error = await failure({ path: MODEL });
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(/is a model, not an adapter/);
  });

  it("matrices that norm their own input", async () => {
    const path = tempDir();
    writePeft(path, adapter);
    // Golden model e, an embedding model, has such norms beside every matrix.
    const embedding = goldenPath("gguf/e.i2_s.gguf");
    await expect(openModel(embedding, { lora: [{ path }] })).rejects.toThrow(UnsupportedError);
  });
});

function doubles(row: Float32Array): Float64Array {
  return Float64Array.from(row);
}
