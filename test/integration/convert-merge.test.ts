import { createHash } from "node:crypto";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openModelSource } from "../../src/checkpoint/open.ts";
import type { OutType } from "../../src/convert/out-types.ts";
import { type ConvertResult, convertModel } from "../../src/convert/pipeline.ts";
import { ModelFormatError } from "../../src/errors.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import { type LoraOption, openAdapters } from "../../src/lora/adapters.ts";
import { AdapterMerge } from "../../src/lora/merge.ts";
import { loadAddon } from "../support/engine.ts";
import { tensorData, tensorHashes } from "../support/gguf.ts";
import { goldenPath } from "../support/golden.ts";
import {
  ggufName,
  randomAdapter,
  SHAPE_OF_A,
  safetensors,
  type TestAdapter,
  type TestShape,
  writePeft,
} from "../support/lora.ts";
import { makeModel } from "../support/make-model.ts";
import { readSafetensorsDir } from "../support/safetensors.ts";
import { tempDir } from "../support/temp-dir.ts";

/** What make-model makes without further wishes. */
const TINY: TestShape = { model: 128, q: 128, kv: 64, ff: 256, layers: 2 };

/** Updates whose products and sums with bf16 masters are exact in double precision, whatever the order. */
function exactAdapter(shape: TestShape, seed: number, only?: RegExp): TestAdapter {
  const adapter = randomAdapter(shape, { seed, rank: 4, alpha: 8, ...(only && { only }) });
  const coarse = (x: number) => Math.round(x * 1024) / 1024;
  const updates = adapter.updates.map(({ a, b, ...rest }) => ({
    ...rest,
    a: a.map(coarse),
    b: b.map(coarse),
  }));
  return { ...adapter, updates };
}

/** A copy of a checkpoint with the adapters added to its masters, which become f32. */
function mergedByHand(
  checkpoint: string,
  adapters: readonly (readonly [TestAdapter, number])[],
): string {
  const folder = join(tempDir(), "by-hand");
  cpSync(checkpoint, folder, { recursive: true });
  const tensors = readSafetensorsDir(checkpoint);
  for (const [{ rank, alpha, updates }, factor] of adapters) {
    for (const { module, a, b, rows, cols } of updates) {
      const values = tensors.get(`model.${module}.weight`)?.values;
      if (!values) throw new Error(`no ${module}`);
      for (let at = 0; at < rows * cols; at++) {
        const [row, col] = [Math.floor(at / cols), at % cols];
        for (let i = 0; i < rank; i++) {
          const product = (b[row * rank + i] ?? 0) * (a[i * cols + col] ?? 0);
          values[at] = (values[at] ?? 0) + ((factor * alpha) / rank) * product;
        }
      }
    }
  }
  rmSync(join(folder, "model.safetensors"));
  const plain = [...tensors].map(([name, { shape, values }]) => {
    return { name, shape, values: Float32Array.from(values) };
  });
  writeFileSync(join(folder, "model.safetensors"), safetensors(plain));
  return folder;
}

async function convert(
  path: string,
  outtype: OutType,
  lora: readonly LoraOption[] = [],
): Promise<ConvertResult> {
  const model = await openModelSource(path);
  const addon = loadAddon();
  const merge = lora.length
    ? new AdapterMerge(await openAdapters(lora, model), model, addon)
    : undefined;
  const output = join(tempDir(), "out");
  return convertModel(model, { outtype, output, addon, merge, verify: true, allowLossy: true });
}

async function hashes(path: string): Promise<Record<string, string>> {
  return tensorHashes(await readGguf(path));
}

/** Hashes of the matrices and their scales in a checkpoint that was written. */
function matrices(folder: string): Record<string, string> {
  const tensors = [...readSafetensorsDir(folder)].filter(([name]) => name.includes("_proj."));
  const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  return Object.fromEntries(tensors.map(([name, { bytes }]) => [name, hash(bytes)]));
}

describe("conversion with adapters merged in", () => {
  const one = exactAdapter(SHAPE_OF_A, 1);
  const two = exactAdapter(SHAPE_OF_A, 2, /q_proj|down_proj/);
  const masters = goldenPath("models/a-master-bf16");

  it.each(["i2_s", "tl2", "q2_0", "f32"] as const)(
    "gives the %s file of masters that were merged by hand",
    async (outtype) => {
      const folder = tempDir();
      writePeft(join(folder, "one"), one);
      writePeft(join(folder, "two"), two);
      const lora = [
        { path: join(folder, "one") },
        { path: join(folder, "two"), scale: -0.5 },
      ] as const;
      const byHand = mergedByHand(masters, [
        [one, 1],
        [two, -0.5],
      ]);
      const merged = await convert(masters, outtype, lora);
      const expected = await convert(byHand, outtype);
      expect(await hashes(merged.output)).toEqual(await hashes(expected.output));
      expect(merged.merged?.changedTrits).toBeGreaterThan(1000);
      expect(merged.verification?.weights).toBe(expected.verification?.weights);
    },
  );

  it("counts the trits that changed", async () => {
    const path = tempDir();
    const only = exactAdapter(SHAPE_OF_A, 3, /layers\.1\.mlp\.up_proj/);
    writePeft(path, only);
    const [before, { output, merged }] = [
      await convert(masters, "f32"),
      await convert(masters, "f32", [{ path }]),
    ];
    const name = ggufName("layers.1.mlp.up_proj");
    const signs = async (file: string) => {
      const bytes = tensorData(await readGguf(file), name);
      return Array.from({ length: 384 * 256 }, (_, i) => Math.sign(bytes.readFloatLE(4 * i)));
    };
    const [old, now] = [await signs(before.output), await signs(output)];
    const changedTrits = old.filter((sign, i) => sign !== now[i]).length;
    expect(changedTrits).toBeGreaterThan(100);
    expect(merged).toEqual({ matrices: 1, weights: 384 * 256, changedTrits });
  });

  it.each(["llama", "bitnet"] as const)(
    "of family %s, as GGUF file and as checkpoint",
    async (family) => {
      const checkpoint = join(tempDir(), "masters");
      await makeModel({ output: checkpoint, family, format: "masters" });
      const path = tempDir();
      const adapter = exactAdapter(TINY, 4);
      writePeft(path, adapter);
      const byHand = mergedByHand(checkpoint, [[adapter, 1]]);
      const gguf = await convert(checkpoint, "i2_s", [{ path }]);
      expect(await hashes(gguf.output)).toEqual(
        await hashes((await convert(byHand, "i2_s")).output),
      );
      const folder = await convert(checkpoint, "safetensors", [{ path }]);
      const expected = await convert(byHand, "safetensors");
      expect(matrices(folder.output)).toEqual(matrices(expected.output));
    },
  );

  it("refuses sums that are no numbers", async () => {
    const path = tempDir();
    writePeft(path, exactAdapter(SHAPE_OF_A, 5));
    const failing = convert(masters, "i2_s", [{ path, scale: 1e42 }]);
    await expect(failing).rejects.toThrow(ModelFormatError);
  });
});
