import { GGMLQuantizationType } from "@huggingface/gguf";
import { describe, expect, test } from "vitest";
import { TENSOR_TYPES, tensorBytes, tensorTypeByName } from "../../../src/gguf/tensor-types.ts";

function bytes(name: string, dims: readonly number[]): number | undefined {
  const type = tensorTypeByName(name);
  if (!type) throw new Error(`no type ${name}`);
  return tensorBytes(type, dims);
}

describe("tensor types", () => {
  test("ids and names agree with the library's list, where that knows them", () => {
    const known = Object.entries(GGMLQuantizationType).filter(([, id]) => typeof id === "number");
    expect(known.length).toBeGreaterThan(25);
    for (const [name, id] of known) {
      const ours = TENSOR_TYPES.filter((type) => type.id === id);
      if (ours.length > 0) expect(ours.map((type) => type.name)).toContain(name);
    }
  });

  test.each([
    ["F32", [2560], 10_240],
    ["F16", [2560, 128_256], 656_670_720],
    ["Q8_0", [2560, 2], 2 * 80 * 34],
    ["Q6_K", [2560, 2], 2 * 10 * 210],
    ["I2_S", [2560, 2560], 2560 * 640 + 32],
    ["I2_S", [6, 2], 3 + 32],
    ["TL1", [256, 64], 4096 + 32],
    ["TL2", [2560, 2560], 1_392_640 + 32],
    ["IQ2_BN", [256, 64], 4352],
    ["TQ1_0", [256, 64], 3456],
    ["TQ2_0", [256, 64], 4224],
    ["Q8_0", [33], undefined],
    ["I2_S", [3, 3], undefined],
    ["TL2", [128, 32], undefined],
    ["TL2", [256, 4], undefined],
  ])("%s %j has %s bytes", (name, dims, expected) => {
    expect(bytes(name, dims)).toBe(expected);
  });

  test("TL2 of the specification's example", () => {
    // K = 320, M = 64: nominal 4949 without padding and tail.
    expect(bytes("TL2", [320, 64])).toBe(Math.ceil(4949 / 32) * 32 + 32);
  });
});
