import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openModelSource } from "../../src/checkpoint/open.ts";
import type { OutType } from "../../src/convert/out-types.ts";
import { convertModel } from "../../src/convert/pipeline.ts";
import { bundledModelPath, DEMO_CHECKPOINT } from "../../src/engine/bundled.ts";
import { loadAddon } from "../../src/engine/load-addon.ts";
import { tempDir } from "../support/temp-dir.ts";

// The bundled demonstration model: a trained network, as a checkpoint folder and as a GGUF file.

async function convert(input: string, outtype: OutType, verify = false) {
  const output = join(tempDir(), outtype === "safetensors" ? "checkpoint" : "out.gguf");
  const model = await openModelSource(input, { prefer: "checkpoint" });
  const result = await convertModel(model, { outtype, addon: loadAddon(), output, verify });
  return { output, result };
}

describe("the demonstration model", () => {
  test("its GGUF file is what its checkpoint converts to, byte for byte", async () => {
    const { output } = await convert(DEMO_CHECKPOINT, "i2_s");
    expect(readFileSync(output).equals(readFileSync(bundledModelPath()))).toBe(true);
  });

  const formats: readonly OutType[] = [
    "i2_s",
    "tl1",
    "tl2",
    "tq1_0",
    "tq2_0",
    "q2_0",
    "f16",
    "bf16",
    "f32",
    "safetensors",
  ];
  test.each(formats)("to %s and back keeps every trit and scale", async (outtype) => {
    const { output, result } = await convert(bundledModelPath(), outtype, true);
    expect(result.verification?.rounded ?? []).toEqual([]);
    const back = await convert(output, "i2_s");
    const [first, second] = await Promise.all(
      [bundledModelPath(), back.output].map((path) => openModelSource(path)),
    );
    expect(second?.tensors.map(({ name }) => name)).toEqual(first?.tensors.map((t) => t.name));
    const compare = await convert(back.output, "i2_s", true);
    expect(compare.result.verification?.rounded ?? []).toEqual([]);
    for (const [i, tensor] of (first?.tensors ?? []).entries()) {
      const copy = second?.tensors[i];
      const bytes = (path: string, t: typeof tensor | undefined) =>
        readFileSync(path).subarray(t?.offset, (t?.offset ?? 0) + (t?.bytes ?? 0));
      const same = bytes(bundledModelPath(), tensor).equals(bytes(back.output, copy));
      expect(same, tensor.name).toBe(true);
    }
  });
});
