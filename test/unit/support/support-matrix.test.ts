import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ARCHITECTURES } from "../../../src/checkpoint/architectures/registry.ts";
import { ENCODINGS } from "../../../src/checkpoint/encodings.ts";
import { EMBD_TYPES, OUT_TYPES } from "../../../src/convert/out-types.ts";
import { FAMILIES, FORMATS, outcomeOf } from "../../support/support-matrix.ts";

// The matrix says what is supported: it must neither leave out anything nor name a test that is not there.

describe("formats", () => {
  test("every encoding that can be read has a row", () => {
    const named = new Set(FORMATS.filter(({ reads }) => reads).flatMap((row) => row.encodings));
    expect([...named].sort()).toEqual(Object.keys(ENCODINGS).sort());
  });

  test("every type that can be written has one row", () => {
    const written = FORMATS.flatMap(({ writes }) => (writes === undefined ? [] : [writes]));
    const writable = new Set([...Object.keys(OUT_TYPES), ...EMBD_TYPES]);
    expect(written.toSorted()).toEqual([...writable].sort());
  });

  test("names are unique", () => {
    const names = FORMATS.map(({ format, container }) => `${container} ${format}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("families", () => {
  test("every family of checkpoints has a row", () => {
    expect([...new Set(FAMILIES.map(({ family }) => family))].sort()).toEqual(
      ARCHITECTURES.map(({ gguf }) => gguf).sort(),
    );
  });

  test("every kind of scales is there, and every outcome", () => {
    expect(new Set(FAMILIES.map(({ scales }) => scales)).size).toBe(4);
    const outcomes = FAMILIES.flatMap((family) => FORMATS.map((row) => outcomeOf(family, row)));
    expect([...new Set(outcomes)].sort()).toEqual(["exact", "lossy", "not written"]);
  });
});

test.each([...new Set([...FORMATS, ...FAMILIES].flatMap(({ provedBy }) => provedBy))])(
  "%s is there",
  (path) => {
    expect(existsSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)))).toBe(true);
  },
);
