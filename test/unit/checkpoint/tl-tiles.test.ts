import { describe, expect, test } from "vitest";
import {
  chooseTile,
  findTile,
  formatTileEntry,
  knownTile,
  parseTileEntry,
  type TileFormat,
  tileProblem,
  tilesOf,
} from "../../../src/checkpoint/tl-tiles.ts";
import { UnsupportedError } from "../../../src/errors.ts";

const tile = (rows: number, cols: number, innerRows: number) => ({ rows, cols, innerRows });

/** Shapes of the models that bitnet.cpp names, and of others. */
const SHAPES: readonly (readonly [rows: number, cols: number])[] = [
  ...([1536, 4096] as const).map((rows) => [rows, 1536] as const),
  [3200, 8640],
  [8640, 3200],
  [3200, 3200],
  [14_336, 4096],
  [4096, 14_336],
  [1024, 4096],
  // 2B4T
  [2560, 2560],
  [640, 2560],
  [6912, 2560],
  [2560, 6912],
  // Falcon3 10B
  [3072, 3072],
  [1024, 3072],
  [23_040, 3072],
  [3072, 23_040],
  // Ternary-Bonsai 1.7B
  [2048, 2048],
  [6144, 2048],
  [2048, 6144],
  [32, 256],
];

describe.each<TileFormat>(["tl1", "tl2"])("%s", (format) => {
  test.each(SHAPES)("[%i, %i] has tiles that fit", (rows, cols) => {
    expect(tileProblem(format, rows, cols, chooseTile(format, rows, cols))).toBeUndefined();
  });

  test("known shapes have the tiles of bitnet.cpp", () => {
    for (const [rows, cols] of SHAPES) {
      const known = knownTile(format, rows, cols);
      if (known) expect(chooseTile(format, rows, cols)).toEqual(known);
    }
    expect(knownTile(format, 2560, 2560)).toBeUndefined();
  });
});

test("the table of bitnet.cpp", () => {
  expect(knownTile("tl1", 3200, 8640)).toEqual(tile(160, 64, 32));
  expect(knownTile("tl2", 3200, 8640)).toEqual(tile(160, 96, 32));
  expect(knownTile("tl1", 1536, 1536)).toEqual(tile(128, 64, 64));
  expect(knownTile("tl2", 1536, 1536)).toEqual(tile(128, 192, 32));
  expect(knownTile("tl1", 4096, 4096)).toEqual(tile(128, 64, 64));
});

test.each<[TileFormat, number, number, RegExp]>([
  ["tl1", 30, 256, /\[30, 256\] cannot be stored as tl1: it needs rows in multiples of 32/],
  ["tl1", 32, 102, /columns in multiples of 8 \(or of 64 and of 4\)/],
  ["tl2", 32, 128, /it needs rows in multiples of 32, and 256 columns or more/],
  ["tl2", 48, 512, /\[48, 512\] cannot be stored as tl2/],
  ["tl2", 32, 300, /\[32, 300\] cannot be stored as tl2/],
])("%s: no tiles for [%i, %i]", (format, rows, cols, message) => {
  expect(() => chooseTile(format, rows, cols)).toThrow(UnsupportedError);
  expect(() => chooseTile(format, rows, cols)).toThrow(message);
});

test.each<[TileFormat, number, number, readonly [number, number, number], string]>([
  ["tl1", 64, 256, [64, 128, 16], "bm 16 must be 32 or 64"],
  ["tl1", 96, 256, [96, 128, 64], "BM 96 must be a multiple of bm 64"],
  ["tl1", 64, 256, [64, 100, 32], "BK 100 must be a multiple of 256 / bm = 8"],
  ["tl1", 64, 256, [128, 128, 32], "rows 64 must be a multiple of BM 128"],
  ["tl1", 64, 256, [64, 96, 32], "columns 256 must be a multiple of BK 96"],
  ["tl1", 64, 256, [64, 128, 0], "BM, BK and bm must be positive"],
  ["tl2", 64, 320, [32, 96, 64], "bm 64 must be 32"],
  ["tl2", 48, 320, [48, 96, 32], "BM 48 must be a multiple of 32"],
  ["tl2", 64, 320, [32, 100, 32], "BK 100 must be a multiple of 24"],
  ["tl2", 64, 300, [32, 96, 32], "columns 300 leave 12 after BK 96, not a multiple of 32"],
  ["tl2", 64, 224, [32, 96, 32], "columns 224 must be 256 or more"],
  ["tl2", 64, 608, [32, 960, 32], "columns 608 leave 608 after BK 960, more than 256"],
  ["tl2", 64, 320, [96, 96, 32], "rows 64 must be a multiple of BM 96"],
])("%s [%i, %i] with %j: the rule is named", (format, rows, cols, [BM, BK, bm], problem) => {
  expect(tileProblem(format, rows, cols, tile(BM, BK, bm))).toBe(problem);
});

test("entries are written and read as text", () => {
  const entry = { rows: 1024, cols: 4096, tile: tile(256, 96, 32) };
  expect(formatTileEntry(entry)).toBe("1024,4096,256,96,32");
  expect(parseTileEntry("1024, 4096,256,96,32")).toEqual(entry);
  expect(findTile([entry], 1024, 4096)).toEqual(entry.tile);
  expect(findTile([entry], 4096, 1024)).toBeUndefined();
  for (const text of ["", "1,2,3,4", "1,2,3,4,5,6", "1,2,3,4,0", "1,2,3,4,-5", "a,2,3,4,5"]) {
    expect(parseTileEntry(text), text).toBeUndefined();
  }
});

test("what a file names and is no entry is left out", () => {
  const value = ["64,256,64,128,32", "nonsense"];
  const metadata = new Map([
    ["bitnet.tl.tiles", { type: "array", itemType: "string", value }],
  ] as const);
  expect(tilesOf(metadata)).toEqual([{ rows: 64, cols: 256, tile: tile(64, 128, 32) }]);
  const text = new Map([["bitnet.tl.tiles", { type: "string", value: "x" }]] as const);
  expect(tilesOf(text)).toEqual([]);
});
