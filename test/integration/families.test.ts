import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { OutType } from "../../src/convert/out-types.ts";
import { UnsupportedError } from "../../src/errors.ts";
import { bitsOf, deviation, maxAbsDifference, rowsOf } from "../support/compare.ts";
import { convertTo } from "../support/converted.ts";
import { evaluate } from "../support/evaluate.ts";
import { makeModel } from "../support/make-model.ts";
import { quietIds } from "../support/quiet-ids.ts";
import { referenceModel } from "../support/reference.ts";
import { marksOf, rewriteProjections } from "../support/rewrite.ts";
import { FAMILIES, FORMATS, type FormatRow } from "../support/support-matrix.ts";
import { suiteDir, tempDir } from "../support/temp-dir.ts";

// Every family in every format: a tiny random checkpoint, its logits by a reference in double precision,
// and the same logits, to the last bit, from every format that holds the same trits and scales.

/** Large enough for blocks of 256 and for tiles, with query and key heads that differ in number. */
const SHAPE = { dModel: 256, dFf: 512, nHeads: 4, nKvHeads: 2, nLayers: 1, vocabSize: 300 };
const N_TOKENS = 5;

/** What stands for activations: of models trained with int8, that; of others the fast way and the exact. */
const MODES = [["token"], ["blocks", "none"]] as const;

const WRITTEN = FORMATS.filter(({ writes, holds }) => writes && holds !== "embeddings");
const ONLY_READ = FORMATS.filter(
  ({ writes, holds, container }) => !writes && holds !== "embeddings" && container === "GGUF",
).flatMap((row) => row.encodings.map((encoding) => ({ row, encoding })));

describe.each(FAMILIES.map((family) => [family.name, family] as const))("%s", (_, family) => {
  const { embeds, make } = family;
  const weightOnly = make.format === "unpacked";
  const which = embeds ? "hidden" : "all";
  const checkpoint = join(suiteDir(), "model");
  let ids: number[];
  let bits: Buffer;
  /** The same weights as plain numbers, for what only other programs write. */
  let numbers: string;

  beforeAll(async () => {
    await makeModel({ ...make, output: checkpoint, shape: { ...SHAPE, ...make.shape } });
    ids = quietIds(checkpoint, N_TOKENS, weightOnly ? "blocks" : "token");
    bits = bitsOf(await evaluate(checkpoint, ids, { which }));
    numbers = join(checkpoint, "..", "numbers.gguf");
    await convertTo(checkpoint, { outtype: "f32", output: numbers });
  });

  async function expectSameBits(path: string): Promise<void> {
    const found = bitsOf(await evaluate(path, ids, { which, prefer: "checkpoint" }));
    expect(found.equals(bits)).toBe(true);
  }

  it.each(MODES[weightOnly ? 1 : 0])("computes what the reference computes, %s", async (mode) => {
    const reference = referenceModel(checkpoint, { activations: mode });
    const activations = mode === "none" ? "none" : "int8";
    const values = await evaluate(checkpoint, ids, { which, activations });
    const expected = embeds ? reference.hidden(ids) : reference.logits(ids);
    const found = rowsOf(values, expected[0]?.length ?? 0);
    if (embeds) {
      for (const [i, row] of expected.entries()) {
        expect(maxAbsDifference(unit(row), unit(found[i] as Float32Array))).toBeLessThan(1e-5);
      }
    } else {
      expect(deviation(expected, found).maxAbs).toBeLessThan(1e-3);
    }
  });

  const kept = (keeps: boolean) => (row: FormatRow) => row.keeps.includes(family.scales) === keeps;
  const written = (row: FormatRow) => [row.writes as OutType] as const;

  it.each(WRITTEN.filter(kept(true)).map(written))(
    "%s holds it: the same bits, and every weight verified",
    async (outtype) => {
      const result = await convertTo(checkpoint, { outtype, verify: true });
      expect(result.loss).toBeUndefined();
      expect(result.verification?.rounded).toEqual([]);
      await expectSameBits(result.output);
    },
  );

  it.each(WRITTEN.filter(kept(false)).map(written))(
    "%s does not hold it: refused, or a loss that is told",
    async (outtype) => {
      const output = join(tempDir(), "out");
      const refused = convertTo(checkpoint, { outtype, output });
      await expect(refused).rejects.toThrow(UnsupportedError);
      await expect(refused).rejects.toThrow(
        /^blk\.0\.attn_q\.weight: .* is not lossless: in rows \d+ to \d+, \d+ (scale|weight)s? /,
      );
      await expect(refused).rejects.toMatchObject({ hint: expect.stringMatching("--allow-lossy") });
      expect(readdirSync(join(output, ".."))).toEqual([]);

      const { loss, verification } = await convertTo(checkpoint, {
        ...{ outtype, output, allowLossy: true, verify: true },
      });
      expect(loss?.tensors).toBe(7 * SHAPE.nLayers);
      expect(verification?.rounded.map(({ tensor }) => tensor)).toContain(loss?.worst);
      const rounded = Math.max(...(verification?.rounded ?? []).map((one) => one.maxRelative));
      expect(rounded).toBeCloseTo(loss?.maxRelative ?? Number.NaN, 6);
      const values = await evaluate(output, ids, { which, prefer: "checkpoint" });
      expect(values.every(Number.isFinite)).toBe(true);
    },
  );

  it.each(
    ONLY_READ.filter(({ row }) => kept(true)(row)).map(({ encoding }) => [encoding] as const),
  )("%s of another program: the same bits, read and converted", async (encoding) => {
    const folder = tempDir();
    const foreign = join(folder, "foreign.gguf");
    await rewriteProjections(numbers, foreign, { encoding, metadata: marksOf(encoding) });
    await expectSameBits(foreign);
    const result = await convertTo(foreign, { outtype: "f32", verify: true });
    expect(result.verification?.rounded).toEqual([]);
    await expectSameBits(result.output);
  });
});

function unit(vector: Float64Array | Float32Array): Float64Array {
  const length = Math.hypot(...vector);
  return Float64Array.from(vector, (v) => v / length);
}
