import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModelSource } from "../../../src/checkpoint/open.ts";
import { convertModel } from "../../../src/convert/pipeline.ts";
import { planJobs } from "../../../src/convert/plan.ts";
import { type Verification, verifyOutput } from "../../../src/convert/verify.ts";
import { CancelledError, ModelFormatError } from "../../../src/errors.ts";
import { openFile } from "../../../src/gguf/files.ts";
import { readGguf } from "../../../src/gguf/reader.ts";
import type { GgufFile } from "../../../src/gguf/types.ts";
import { openGgufWriter } from "../../../src/gguf/writer.ts";
import { tensorData } from "../../support/gguf.ts";
import { goldenPath } from "../../support/golden.ts";
import { referenceAddon } from "../../support/reference-addon.ts";
import { tempDir } from "../../support/temp-dir.ts";

const INPUT = goldenPath("models/a-packed");
const NAME = "blk.0.attn_q.weight";

/** Converts to I2_S, lets `damage` change the output, and compares it with the input. */
async function verifyDamaged(
  damage: (bytes: Buffer, file: GgufFile) => void,
): Promise<Verification> {
  const output = join(tempDir(), "out.gguf");
  const model = await openModelSource(INPUT);
  const addon = referenceAddon();
  await convertModel(model, { outtype: "i2_s", addon, output });
  const bytes = readFileSync(output);
  damage(bytes, await readGguf(output));
  writeFileSync(output, bytes);
  const file = await openFile(model.files[0] ?? "");
  try {
    return await verifyOutput(planJobs(model, { outtype: "i2_s" }), [file], { output, addon });
  } finally {
    await file.handle.close();
  }
}

function place(file: GgufFile, name = NAME): { offset: number; bytes: number } {
  const tensor = file.tensors.find((one) => one.name === name);
  if (!tensor) throw new Error(`no ${name}`);
  return tensor;
}

describe("verifyOutput", () => {
  test("finds every weight in an output that is whole", async () => {
    const { tensors, weights, rounded } = await verifyDamaged(() => undefined);
    expect({ tensors, rounded }).toEqual({ tensors: 24, rounded: [] });
    const model = await openModelSource(INPUT);
    expect(weights).toBe(model.tensors.reduce((sum, { rows, cols }) => sum + rows * cols, 0));
  });

  test("finds a single trit that is another one", async () => {
    const verifying = verifyDamaged((bytes, file) => {
      const at = place(file).offset + 77;
      const code = (bytes[at] ?? 0) & 3;
      bytes[at] = (bytes[at] ?? 0) ^ (code === 0 ? 1 : code);
    });
    await expect(verifying).rejects.toThrow(ModelFormatError);
    await expect(verifying).rejects.toThrow(
      /verification failed: 1 trits of blk\.0\.attn_q\.weight in .*out\.gguf are not those of the/,
    );
  });

  test("tells a scale that is another one", async () => {
    const { rounded } = await verifyDamaged((bytes, file) => {
      const { offset, bytes: length } = place(file);
      const scale = bytes.readFloatLE(offset + length - 32);
      bytes.writeFloatLE(scale * (1 + 2 ** -12), offset + length - 32);
    });
    expect(rounded).toMatchObject([{ tensor: NAME, from: "hf_packed", to: "i2_s" }]);
    expect(rounded[0]?.maxRelative).toBeCloseTo(2 ** -12, 6);
    // Two thirds of the weights are not zero.
    expect(rounded[0]?.weights).toBeGreaterThan(0.6 * 256 * 256);
    expect(rounded[0]?.weights).toBeLessThan(0.7 * 256 * 256);
  });

  test("tells a norm that is another one", async () => {
    const norm = "blk.1.ffn_sub_norm.weight";
    const { rounded } = await verifyDamaged((bytes, file) => {
      const { offset } = place(file, norm);
      bytes.writeFloatLE(2 * bytes.readFloatLE(offset + 8), offset + 8);
    });
    expect(rounded).toEqual([
      { tensor: norm, from: "bf16", to: "f32", weights: 1, maxRelative: 0.5 },
    ]);
  });

  test("misses a tensor", async () => {
    const model = await openModelSource(INPUT);
    const addon = referenceAddon();
    const whole = join(tempDir(), "whole.gguf");
    await convertModel(model, { outtype: "i2_s", addon, output: whole });
    const file = await readGguf(whole);
    const output = join(tempDir(), "out.gguf");
    const kept = file.tensors.filter(({ name }) => name !== NAME);
    const writer = await openGgufWriter(output, file.metadata, kept);
    for (const { name } of kept) await writer.append(name, tensorData(file, name));
    await writer.finish();
    await using input = await openFile(model.files[0] ?? "");
    const jobs = planJobs(model, { outtype: "i2_s" });
    await expect(verifyOutput(jobs, [input], { output, addon })).rejects.toThrow(
      `verification failed: ${NAME} is not in ${output}`,
    );
  });
});

describe("convertModel with verify", () => {
  test("reports what it compared", async () => {
    const output = join(tempDir(), "out.gguf");
    const model = await openModelSource(INPUT);
    const addon = referenceAddon();
    const result = await convertModel(model, { outtype: "i2_s", addon, output, verify: true });
    expect(result.verification).toMatchObject({ tensors: 24, rounded: [] });
    expect(addon.calls.compareRows).toBeGreaterThanOrEqual(15);
  });

  test("leaves no output that is not what was meant", async () => {
    const output = join(tempDir(), "out.gguf");
    const model = await openModelSource(INPUT);
    const compareRows = async () => ({ trits: 3, weights: 3, maxRelative: 1 });
    const addon = { ...referenceAddon(), compareRows };
    const converting = convertModel(model, { outtype: "i2_s", addon, output, verify: true });
    await expect(converting).rejects.toThrow(
      /verification failed: 3 trits of token_embd|3 trits of/,
    );
    expect(existsSync(output)).toBe(false);
  });

  test("can be cancelled", async () => {
    const output = join(tempDir(), "out.gguf");
    const model = await openModelSource(INPUT);
    const controller = new AbortController();
    const compareRows = async () => {
      controller.abort();
      return { trits: 0, weights: 0, maxRelative: 0 };
    };
    const addon = { ...referenceAddon(), compareRows };
    const { signal } = controller;
    const options = { outtype: "i2_s", addon, output, verify: true, signal } as const;
    await expect(convertModel(model, options)).rejects.toThrow(CancelledError);
    expect(existsSync(output)).toBe(false);
  });
});
