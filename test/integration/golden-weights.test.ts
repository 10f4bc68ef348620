import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../src/engine/load-addon.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import { convertTo, numbersOf } from "../support/converted.ts";
import { tensorData } from "../support/gguf.ts";
import { goldenModel, goldenPath, readGoldenJson } from "../support/golden.ts";
import { type GoldenForm, goldenForms, openForm } from "../support/golden-models.ts";
import { referenceTensors } from "../support/reference-tensors.ts";

// Trits, scales and bytes: exact, or wrong.

const FORMS_OF_A = ["models/a-packed", "models/a-master-bf16", "gguf/a.i2_s.gguf"];

function familyOf(model: string): string {
  if (model.startsWith("c")) return "llama";
  return model.startsWith("b") ? "bitnet" : "qwen3";
}

function expectSame(
  found: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, values] of expected) {
    const ours = found.get(name) ?? new Float32Array();
    const differing = values.findIndex((value, i) => value !== ours[i]);
    expect(ours.length, name).toBe(values.length);
    expect(differing, `${name}: ${values[differing]} became ${ours[differing]}`).toBe(-1);
  }
}

describe("weights of every golden model are those of its checkpoint, read apart", () => {
  it.each(FORMS_OF_A)("%s", async (path) => {
    const expected = referenceTensors(goldenModel("models/a-packed"), "bitnet-b1.58");
    expectSame(await numbersOf(goldenModel(path)), expected);
  });

  it.each(goldenForms().map((form) => [form.name, form] as const))("%s", async (_, form) => {
    const folder = goldenModel(form.checkpoint);
    const expected = referenceTensors(folder, familyOf(form.model), form.config);
    expectSame(await numbersOf(await openForm(form)), expected);
  });
});

describe("checkpoints become the golden files, apart from undefined bytes", () => {
  const hasI2s = (form: GoldenForm) => form.gguf === undefined && !form.model.startsWith("d");

  it.each(
    goldenForms()
      .filter(hasI2s)
      .map((form) => [form.model, form] as const),
  )("%s", async (model, form) => {
    const golden = await readGguf(goldenPath(`gguf/${model}.i2_s.gguf`));
    const { output } = await convertTo(await openForm(form), { outtype: "i2_s" });
    const file = await readGguf(output);
    expect(file.tensors.map(({ name }) => name)).toEqual(golden.tensors.map(({ name }) => name));
    for (const { name, type, bytes } of golden.tensors) {
      // The embedding converter writes norms as F16, we as F32.
      if (type.name === "F16" && name.includes("norm")) continue;
      const end = type.name === "I2_S" ? bytes - 28 : bytes;
      const [ours, theirs] = [tensorData(file, name), tensorData(golden, name)];
      expect(ours.subarray(0, end).equals(theirs.subarray(0, end)), name).toBe(true);
    }
  });

  it.each(goldenForms("d").map((form) => [form.name, form] as const))(
    "%s to Q2_0",
    async (_, form) => {
      const golden = await readGguf(goldenPath("gguf/d.q2_0.gguf"));
      const result = await convertTo(await openForm(form), { outtype: "q2_0" });
      expect(result.loss).toBeUndefined();
      const file = await readGguf(result.output);
      expect(file.tensors.map(({ name, type }) => [name, type.name])).toEqual(
        golden.tensors.map(({ name, type }) => [name, type.name]),
      );
      for (const { name } of golden.tensors) {
        expect(tensorData(file, name).equals(tensorData(golden, name)), name).toBe(true);
      }
    },
  );
});

interface Quantised {
  readonly tq: {
    readonly types: Record<
      string,
      { readonly tensors: Record<string, { readonly bytes: number; readonly sha256: string }> }
    >;
  };
}

describe("TQ1_0 and TQ2_0 of model c have the bytes of llama-quantize", () => {
  const { types } = readGoldenJson<Quantised>("gguf/crosscheck.json").tq;

  it.each(["tq1_0", "tq2_0"] as const)("%s", async (outtype) => {
    // Its scales are no f16 numbers: both programs round them.
    const { output } = await convertTo(goldenPath("gguf/c.i2_s.gguf"), {
      outtype,
      allowLossy: true,
    });
    const file = await readGguf(output);
    const expected = Object.entries(types[outtype.toUpperCase()]?.tensors ?? {});
    expect(expected).toHaveLength(7);
    for (const [name, { bytes, sha256 }] of expected) {
      const data = tensorData(file, name);
      expect(data).toHaveLength(bytes);
      expect(createHash("sha256").update(data).digest("hex"), name).toBe(sha256);
    }
  });
});

interface Packed {
  readonly format: "I2_S" | "TL1" | "TL2";
  readonly M: number;
  readonly K: number;
  readonly seed: number;
  readonly BM?: number;
  readonly BK?: number;
  readonly bm?: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Codes of the generator that the data names, four to a byte, the first in the lowest bits. */
function generatedCodes(count: number, seed: number): Uint8Array {
  const codes = new Uint8Array(count / 4);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const at = i >> 2;
    codes[at] = (codes[at] ?? 0) | (((state >>> 16) % 3) << (2 * (i & 3)));
  }
  return codes;
}

describe("packings of Microsoft's converter", () => {
  const { cases } = readGoldenJson<{ cases: readonly Packed[] }>("lut/msconverter.json");

  it("are thirteen", () => expect(cases).toHaveLength(13));

  it.each(cases.map((one) => [`${one.format} [${one.M}, ${one.K}] bm ${one.bm}`, one] as const))(
    "%s",
    async (_, { format, M: rows, K: cols, seed, BM = 0, BK = 0, bm = 0, bytes, sha256 }) => {
      const data = generatedCodes(rows * cols, seed);
      const tile = { rows: BM, cols: BK, innerRows: bm };
      const to = { I2_S: "i2_s", TL1: "tl1", TL2: "tl2" } as const;
      const packed = await loadAddon().convert({
        ...{ from: "i2_s_seq_lo", rows, cols, data, to: to[format] },
        ...(format === "I2_S" ? {} : { toTile: tile }),
      });
      // I2_S was hashed with its tail, TL2 without the padding in front of its own.
      const tail = Buffer.alloc(format === "I2_S" ? 32 : 0);
      if (format === "I2_S") tail.writeFloatLE(0.5);
      const tensor = Buffer.concat([packed.bytes, tail]).subarray(0, bytes);
      expect(tensor).toHaveLength(bytes);
      expect(createHash("sha256").update(tensor).digest("hex")).toBe(sha256);

      const back = await loadAddon().convert({
        ...{ from: to[format], rows, cols, data: packed.bytes, to: "i2_s_seq_lo" },
        ...(format === "I2_S" ? {} : { tile }),
      });
      expect(Buffer.from(back.bytes).equals(data)).toBe(true);
    },
  );
});
