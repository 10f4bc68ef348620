import { describe, expect, it } from "vitest";
import { type LoraOption, openModel } from "../../src/index.ts";
import { deviation, rowsOf } from "../support/compare.ts";
import { goldenPath, readGoldenJson } from "../support/golden.ts";
import { npyRows, readNpy } from "../support/npy.ts";

// Adapters that PEFT and gguf-py saved, and the logits that PEFT computed with them (see
// test/golden/lora/make/make.py): a second program's reading of names, ranks, scales and dtypes.
const { ids } = readGoldenJson<{ ids: number[] }>("lora/logits.json");
const golden = (name: string) => npyRows(readNpy(goldenPath(`lora/${name}.npy`)));

async function logitsWith(lora: readonly LoraOption[]): Promise<Float32Array[]> {
  const model = await openModel(goldenPath("gguf/d.pq2_0.gguf"), {
    lora,
    kvType: "f32",
    activations: "none",
    threads: 2,
  });
  try {
    return rowsOf(await model.createSession().evaluate(ids, "all"), 512);
  } finally {
    await model.close();
  }
}

describe("adapters made by PEFT give PEFT's logits", () => {
  it.each([
    ["no adapter", [], "base"],
    ["every matrix", ["plain"], "plain"],
    ["every matrix, in a file by gguf-py", ["plain.gguf"], "plain"],
    ["rank-stabilised, with patterns, in float16", ["mixed"], "mixed"],
  ])("%s", async (_name, files, expected) => {
    const lora = files.map((file) => ({ path: goldenPath(`lora/${file}`) }));
    expect(deviation(golden(expected), await logitsWith(lora)).maxAbs).toBeLessThan(1e-3);
  });
});
