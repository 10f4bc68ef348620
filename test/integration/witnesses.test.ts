import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openModel } from "../../src/index.ts";
import { maxAbsDifference, rowsOf } from "../support/compare.ts";
import { goldenPath, readGoldenJson } from "../support/golden.ts";
import { type MakeModelOptions, makeModel } from "../support/make-model.ts";
import { npyRows, readNpy } from "../support/npy.ts";
import { referenceModel } from "../support/reference.ts";
import { tempDir } from "../support/temp-dir.ts";

interface Case extends Pick<MakeModelOptions, "family" | "group" | "shape"> {
  readonly name: string;
  readonly format: "masters" | "packed" | "unpacked";
}

interface Goldens {
  readonly shape: Readonly<Record<string, number>>;
  readonly goldens: readonly { name: string; ids: number[]; weights: string; std: number }[];
}

const cases = readGoldenJson<readonly Case[]>("hf/cases.json");
const { shape, goldens } = readGoldenJson<Goldens>("hf/goldens.json");

/** The checkpoint that the golden was computed from, made again from its seed. */
async function checkpointOf({ name: _, ...options }: Case): Promise<string> {
  const output = join(tempDir(), "checkpoint");
  await makeModel({ ...options, output, seed: 1, shape: { ...shape, ...options.shape } });
  return output;
}

/** Logits, or of embedding models (which have no head) the states after the last norm. */
async function compute(
  path: string,
  ids: readonly number[],
  format: Case["format"],
  width: number,
) {
  const activations = format === "unpacked" ? "none" : "int8";
  const model = await openModel(path, { kvType: "f32", threads: 2, activations });
  try {
    const which = width === shape["vocabSize"] ? "all" : "hidden";
    return rowsOf(await model.createSession().evaluate(ids, which), width);
  } finally {
    await model.close();
  }
}

describe("transformers computes the same", () => {
  it("for every case", () => {
    expect(goldens.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
  });

  it.each(cases)("$name", async (one) => {
    const golden = goldens.find(({ name }) => name === one.name);
    const expected = npyRows(readNpy(goldenPath(`hf/${one.name}.npy`)));
    const path = await checkpointOf(one);
    const weights = readFileSync(join(path, "model.safetensors"));
    expect(createHash("sha256").update(weights).digest("hex")).toBe(golden?.weights);
    const ids = golden?.ids ?? [];
    const width = expected[0]?.length ?? 0;
    const found = await compute(path, ids, one.format, width);
    const reference = referenceModel(path);
    const slow = width === shape["vocabSize"] ? reference.logits(ids) : reference.hidden(ids);
    expect(found).toHaveLength(expected.length);
    for (const [i, row] of expected.entries()) {
      // Programs that add in float32, in different orders; measured: 6.2e-6.
      expect(maxAbsDifference(row, found[i] ?? new Float32Array())).toBeLessThan(2e-5);
      expect(maxAbsDifference(row, slow[i] ?? new Float64Array())).toBeLessThan(2e-5);
    }
  });
});
