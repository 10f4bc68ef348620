import { describe, expect, test } from "vitest";
import { ModelFormatError, UnsupportedError } from "../../../src/errors.ts";
import { TENSOR_TYPES, type TensorType, tensorBytes } from "../../../src/gguf/tensor-types.ts";
import { padTo } from "../../../src/gguf/types.ts";
import { GgufImage, parseGguf } from "../../support/gguf.ts";

// A damaged tensor table, for every tensor type that has a name: whole blocks of all of them, tiles too.
const COLS = 512;
const ROWS = 64;

interface Damage {
  readonly dims?: readonly number[];
  /** Added to the offset of the tensor that follows. */
  readonly gap?: number;
  /** Added to the length of the file. */
  readonly length?: number;
}

function size(type: TensorType, dims: readonly number[]): number {
  const bytes = tensorBytes(type, dims);
  if (bytes === undefined) throw new Error(`${type.name} has no shape ${dims}`);
  return bytes;
}

/** Tensor `t` of a type, and `next`, of F32, behind it. */
function image(
  type: TensorType,
  { dims = [COLS, ROWS], gap = 0, length = 0 }: Damage = {},
): Buffer {
  const end = padTo(size(type, [COLS, ROWS]), 32);
  const start = new GgufImage().start(2, marks(type) ? 1 : 0);
  if (marks(type)) start.string("general.quantization_version").u32(8).string("TQ2_0_G128");
  return start
    .tensor("t", dims, type.id, 0)
    .tensor("next", [8], 0, end + gap)
    .data(end + gap + 32 + length);
}

const marks = (type: TensorType): boolean => type.isMarked !== undefined;

const isAmbiguous = (type: TensorType): boolean =>
  type.proveByOffsets === true || TENSOR_TYPES.filter(({ id }) => id === type.id).length > 1;

const named = (type: TensorType) => [`${type.name} (id ${type.id})`, type] as const;

describe.each(TENSOR_TYPES.map(named))("%s", (_, type) => {
  test("is known by its id and its size", () => {
    const { tensors } = parseGguf(image(type));
    expect(tensors[0]?.type).toBe(type);
    expect(tensors[0]?.bytes).toBe(size(type, [COLS, ROWS]));
  });

  test("that the file cuts off is refused", () => {
    expect(() => parseGguf(image(type, { length: -1 }))).toThrow(ModelFormatError);
    expect(() => parseGguf(image(type, { length: -1 }))).toThrow(
      /truncated: tensor next needs bytes \d+\.\.\d+, file has \d+/,
    );
  });

  test("that the next tensor reaches into is refused", () => {
    const reading = () => parseGguf(image(type, { gap: -32 }));
    if (isAmbiguous(type)) {
      expect(reading).toThrow(UnsupportedError);
      expect(reading).toThrow(/tensor type \d+ in t stands for .* fits? the offsets in this file/);
    } else {
      expect(reading).toThrow(ModelFormatError);
      expect(reading).toThrow(/tensors t and next overlap at byte \d+/);
    }
  });

  test("with a shape that it cannot have is refused", () => {
    // One more column; where blocks run over row ends or weights stand alone, no weight at all.
    const dims = type.flat || type.blockElems === 1 ? [0, ROWS] : [COLS + 1, ROWS];
    const reading = () => parseGguf(image(type, { dims }));
    expect(reading).toThrow(/impossible shape of t: \[|fits? the offsets in this file/);
    const huge = () => parseGguf(image(type, { dims: [2 ** 30, 2 ** 30] }));
    expect(huge).toThrow(/impossible shape of t: \[1073741824, 1073741824\]/);
  });
});

describe("ids with several meanings", () => {
  const ids = [39, 40, 42] as const;

  test.each(ids)("id %i is told by the offsets alone", (id) => {
    const sharing = TENSOR_TYPES.filter((type) => type.id === id);
    const unmarked = sharing.filter((type) => !marks(type));
    const sizes = unmarked.map((type) => size(type, [COLS, ROWS]));
    expect(new Set(sizes).size).toBe(unmarked.length);
    expect(unmarked.length).toBeGreaterThan(1);
  });

  test("one tensor alone is told by the end of the file", () => {
    const alone = (bytes: number) =>
      parseGguf(new GgufImage().start(1, 0).tensor("t", [COLS, ROWS], 42, 0).data(bytes));
    const nameAt = (bytes: number) => alone(bytes).tensors[0]?.type.name;
    expect(nameAt(512 * 18)).toBe("Q2_0");
    expect(nameAt(256 * 34)).toBe("Q2_0_G128");
    expect(nameAt(128 * 42)).toBe("STQ1_0");
    expect(() => nameAt(128 * 42 - 1)).toThrow(/none of them fits the offsets/);
    // Bytes behind the last tensor: nothing says which of those that fit it is.
    expect(() => nameAt(100_000)).toThrow(
      /tensor type 42 in t stands for Q2_0, TL2, Q2_0_G128, .*; more than one of them fits/,
    );
  });

  test("a mark decides between two types of one size", () => {
    const [plain, last] = ["Q2_0_G128", "Q2_0_G128_D_LAST"].map((name) =>
      TENSOR_TYPES.find((type) => type.name === name),
    );
    if (!plain || !last) throw new Error("no such types");
    expect(size(plain, [COLS, ROWS])).toBe(size(last, [COLS, ROWS]));
    expect(parseGguf(image(plain)).tensors[0]?.type.name).toBe("Q2_0_G128");
    expect(parseGguf(image(last)).tensors[0]?.type.name).toBe("Q2_0_G128_D_LAST");
  });

  test("all tensors of an id have to agree", () => {
    // The first has the size of Q2_0, the second that of Q2_0 in groups of 128.
    const bytes = new GgufImage()
      .start(2, 0)
      .tensor("a", [COLS, ROWS], 42, 0)
      .tensor("b", [COLS, ROWS], 42, 512 * 18)
      .data(512 * 18 + 256 * 34);
    expect(() => parseGguf(bytes)).toThrow(/none of them fits the offsets/);
  });

  test.each([142, 143])("id %i, used by one fork, has to be borne out as well", (id) => {
    const bytes = new GgufImage().start(1, 0).tensor("t", [COLS, ROWS], id, 0).data(4000);
    const name = { 142: "PQ2_0", 143: "PTQ1_0" }[id];
    expect(() => parseGguf(bytes)).toThrow(
      `tensor type ${id} in t stands for ${name}; it does not fit the offsets in this file`,
    );
  });
});
