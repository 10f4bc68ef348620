import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openModelSource } from "../../src/checkpoint/open.ts";
import type { ModelSource, TensorSource } from "../../src/checkpoint/source.ts";
import { ModelFormatError, UnsupportedError } from "../../src/errors.ts";
import { openAdapters } from "../../src/lora/adapters.ts";
import { AdapterMerge } from "../../src/lora/merge.ts";
import { loadAddon } from "../support/engine.ts";
import { goldenPath } from "../support/golden.ts";
import {
  permuteRows,
  randomAdapter,
  SHAPE_OF_A,
  type TestAdapter,
  type TestUpdate,
  writeGgufAdapter,
  writePeft,
} from "../support/lora.ts";
import { tempDir } from "../support/temp-dir.ts";

const masters = () => openModelSource(goldenPath("models/a-master-bf16"));
const QUERY = "blk.0.attn_q.weight";

async function mergeOf(path: string, scale: number, model: ModelSource): Promise<AdapterMerge> {
  return new AdapterMerge(await openAdapters([{ path, scale }], model), model, loadAddon());
}

function tensorOf(model: ModelSource, name: string): TensorSource {
  const tensor = model.tensors.find((one) => one.name === name);
  if (!tensor) throw new Error(`no tensor ${name}`);
  return tensor;
}

function find({ updates }: TestAdapter, module: string): TestUpdate {
  const update = updates.find((one) => one.module === module);
  if (!update) throw new Error(`no update of ${module}`);
  return update;
}

/** scale * b . a, rows in the order of b. */
function product({ a, b, rows, cols }: TestUpdate, rank: number, scale: number): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      let sum = 0;
      for (let i = 0; i < rank; i++) sum += (b[row * rank + i] ?? 0) * (a[i * cols + col] ?? 0);
      out[row * cols + col] = scale * sum;
    }
  }
  return out;
}

describe("merging an adapter into master weights", () => {
  const adapter = randomAdapter(SHAPE_OF_A, { rank: 3, alpha: 6 });

  it("adds scale * alpha / rank * B A, block by block, rounding once", async () => {
    const model = await masters();
    const path = tempDir();
    writePeft(path, adapter);
    const update = await (await mergeOf(path, 0.5, model)).updateOf(QUERY);
    const { rows, cols } = tensorOf(model, QUERY);
    const before = Float32Array.from({ length: rows * cols }, (_, i) => Math.fround(Math.sin(i)));
    const expected = product(find(adapter, "layers.0.self_attn.q_proj"), 3, (0.5 * 6) / 3).map(
      (delta, i) => delta + (before[i] ?? 0),
    );
    const merged = before.slice();
    for (let first = 0; first < rows; first += 100) {
      update?.addTo(merged.subarray(first * cols, (first + 100) * cols), first);
    }
    const worst = merged.reduce(
      (most, w, i) => Math.max(most, Math.abs(w - (expected[i] ?? Number.NaN))),
      0,
    );
    expect(worst).toBeLessThan(2e-7);
  });

  it("re-ternarises to other trits and another scale, which can be counted", async () => {
    const model = await masters();
    const path = tempDir();
    writePeft(path, adapter);
    const addon = loadAddon();
    const { rows, cols, encoding: from, offset, bytes, file } = tensorOf(model, QUERY);
    const stored = readFileSync(model.files[file] ?? "").subarray(offset, offset + bytes);
    const before = (await addon.convert({ from, to: "f32", rows, cols, data: stored })).bytes;
    const floats = new Float32Array(new Uint8Array(before).buffer);
    (await (await mergeOf(path, 0.1, model)).updateOf(QUERY))?.addTo(floats, 0);
    const after = new Uint8Array(floats.buffer);
    const scaleOf = async (data: Uint8Array) =>
      Math.fround((await addon.absSum({ from: "f32", rows, cols, data })) / (rows * cols));
    const spec = { from: "f32", rows, cols, floats: "masters" } as const;
    const { trits } = await addon.compareRows({
      a: { ...spec, data: before, scale: await scaleOf(before) },
      b: { ...spec, data: after, scale: await scaleOf(after) },
    });
    expect(trits).toBeGreaterThan(0);
    expect(trits).toBeLessThan((rows * cols) / 10);
  });

  it("leaves other matrices alone", async () => {
    const model = await masters();
    const path = tempDir();
    writePeft(path, randomAdapter(SHAPE_OF_A, { only: /layers\.1\.mlp\.up_proj/ }));
    const merge = await mergeOf(path, 1, model);
    expect(await merge.updateOf(QUERY)).toBeUndefined();
    expect(await merge.updateOf("blk.1.ffn_up.weight")).toBeDefined();
  });

  it("brings rows into the order of the matrix", async () => {
    const model = await masters();
    const folder = tempDir();
    const gguf = join(folder, "permuted.gguf");
    const [key] = [find(adapter, "layers.0.self_attn.k_proj")];
    writePeft(folder, adapter);
    await writeGgufAdapter(gguf, adapter, { family: "llama", permute: { q: 4, k: 2 } });
    const name = "blk.0.attn_k.weight";
    const zeros = () => new Float32Array(key.rows * key.cols);
    const added = async (path: string, source: ModelSource) => {
      const rows = zeros();
      (await (await mergeOf(path, 1, source)).updateOf(name))?.addTo(rows, 0);
      return rows;
    };
    const plain = await added(folder, model);
    // A model whose own rows are permuted as those of GGUF files of family llama are.
    const llama = asLlama(model);
    expect(await added(gguf, llama)).toEqual(plain);
    const heads = (tensor: TensorSource) => (tensor.name === name ? { adjacentHeads: 2 } : {});
    const permuted = {
      ...llama,
      tensors: llama.tensors.map((tensor) => ({ ...tensor, ...heads(tensor) })),
    };
    const expected = permuteRows(plain, key.rows, key.cols, 2);
    expect(await added(gguf, permuted)).toEqual(expected);
    expect(await added(folder, permuted)).toEqual(expected);
  });

  it("refuses what cannot be merged", async () => {
    const path = tempDir();
    writePeft(path, adapter);
    const packed = await openModelSource(goldenPath("models/a-packed"));
    await expect(mergeOf(path, 1, packed)).rejects.toThrow(UnsupportedError);
    const model = await masters();
    const tensors = model.tensors.filter(({ name }) => name !== QUERY);
    await expect(mergeOf(path, 1, { ...model, tensors })).rejects.toThrow(ModelFormatError);
    writePeft(path, randomAdapter({ ...SHAPE_OF_A, q: 128 }, { only: /q_proj/ }));
    await expect(mergeOf(path, 1, model)).rejects.toThrow(/does not fit blk.0.attn_q.weight/);
  });
});

function asLlama(model: ModelSource): ModelSource {
  const metadata = new Map(
    [...model.metadata].map(([key, entry]) =>
      key === "general.architecture"
        ? ([key, { type: "string", value: "llama" }] as const)
        : ([key.replace(/^bitnet-b1\.58\./, "llama."), entry] as const),
    ),
  );
  return { ...model, metadata };
}
