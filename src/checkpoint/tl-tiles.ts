import { UnsupportedError } from "../errors.ts";
import type { Metadata } from "../gguf/types.ts";
import type { TileParams } from "./source.ts";

/** Formats that are cut into tiles. */
export type TileFormat = "tl1" | "tl2";

/** Tiles of the matrices of one shape. */
export interface TileEntry {
  readonly rows: number;
  readonly cols: number;
  readonly tile: TileParams;
}

/** Where our own files name their tiles: strings "rows,cols,BM,BK,bm". */
export const TILES_KEY = "bitnet.tl.tiles";

type Row = readonly [
  rows: number,
  cols: number,
  tl1: readonly [number, number, number],
  tl2: readonly [number, number, number],
];

/** What bitnet.cpp's code generator is called with, by shape: files do not name their tiles, and its
 *  programs have them compiled in. (Its preset files for Llama3 differ, but it overwrites them.) */
const KNOWN: readonly Row[] = [
  // bitnet_b1_58-large
  [1536, 4096, [256, 128, 32], [256, 96, 32]],
  [1536, 1536, [128, 64, 64], [128, 192, 32]],
  [4096, 1536, [256, 128, 32], [256, 96, 32]],
  // bitnet_b1_58-3B
  [3200, 8640, [160, 64, 32], [160, 96, 32]],
  [3200, 3200, [320, 128, 64], [320, 96, 32]],
  [8640, 3200, [320, 64, 32], [320, 96, 32]],
  // Llama3-8B-1.58-100B-tokens
  [14_336, 4096, [256, 128, 32], [256, 96, 32]],
  [4096, 14_336, [128, 64, 64], [128, 96, 32]],
  [1024, 4096, [256, 128, 32], [256, 96, 32]],
  [4096, 4096, [128, 64, 64], [128, 96, 32]],
];

/** Tiles of files that do not name them. */
export function knownTile(format: TileFormat, rows: number, cols: number): TileParams | undefined {
  const row = KNOWN.find((one) => one[0] === rows && one[1] === cols);
  const numbers = row?.[format === "tl1" ? 2 : 3];
  return numbers && { rows: numbers[0], cols: numbers[1], innerRows: numbers[2] };
}

/** Largest tile height and width that the kernels were ever generated with. */
const MOST_ROWS = 320;
const MOST_COLS: Readonly<Record<TileFormat, number>> = { tl1: 128, tl2: 192 };
/** Tile widths that were, before any other. */
const USUAL_COLS: Readonly<Record<TileFormat, readonly number[]>> = {
  tl1: [128, 64],
  tl2: [96, 192],
};

/** Tiles for a shape that has none yet: of those that fit, the highest, as wide as usual.
 *  @throws {UnsupportedError} no tiles fit; the message names the constraint */
export function chooseTile(format: TileFormat, rows: number, cols: number): TileParams {
  const known = knownTile(format, rows, cols);
  if (known) return known;
  const widths = Array.from({ length: MOST_COLS[format] }, (_, i) => MOST_COLS[format] - i);
  const heights = Array.from({ length: MOST_ROWS / 32 }, (_, i) => MOST_ROWS - 32 * i);
  for (const innerRows of format === "tl1" ? [32, 64] : [32]) {
    for (const tileCols of [...USUAL_COLS[format], ...widths]) {
      for (const tileRows of heights) {
        const tile = { rows: tileRows, cols: tileCols, innerRows };
        if (tileProblem(format, rows, cols, tile) === undefined) return tile;
      }
    }
  }
  const needs =
    format === "tl1"
      ? "rows in multiples of 32 and columns in multiples of 8 (or of 64 and of 4)"
      : "rows in multiples of 32, and 256 columns or more in multiples of 32";
  throw new UnsupportedError(`[${rows}, ${cols}] cannot be stored as ${format}: it needs ${needs}`);
}

/** What keeps a matrix from being cut like this, as a clause; undefined when nothing does. The rules are
 *  those of the converters of bitnet.cpp. */
export function tileProblem(
  format: TileFormat,
  rows: number,
  cols: number,
  tile: TileParams,
): string | undefined {
  const { rows: tileRows, cols: tileCols, innerRows } = tile;
  const rules = format === "tl1" ? tl1Rules(tile) : tl2Rules(cols, tile);
  rules.push(
    [rows % tileRows === 0, `rows ${rows} must be a multiple of BM ${tileRows}`],
    [
      format === "tl2" || cols % tileCols === 0,
      `columns ${cols} must be a multiple of BK ${tileCols}`,
    ],
  );
  if (innerRows < 1 || tileRows < 1 || tileCols < 1) return "BM, BK and bm must be positive";
  return rules.find(([holds]) => !holds)?.[1];
}

type Rule = readonly [holds: boolean, problem: string];

function tl1Rules({ rows, cols, innerRows }: TileParams): Rule[] {
  const step = 256 / innerRows;
  return [
    [innerRows === 32 || innerRows === 64, `bm ${innerRows} must be 32 or 64`],
    [rows % innerRows === 0, `BM ${rows} must be a multiple of bm ${innerRows}`],
    [cols % step === 0, `BK ${cols} must be a multiple of 256 / bm = ${step}`],
  ];
}

function tl2Rules(columns: number, { rows, cols, innerRows }: TileParams): Rule[] {
  const rest = columns % cols;
  return [
    [innerRows === 32, `bm ${innerRows} must be 32`],
    [rows % 32 === 0, `BM ${rows} must be a multiple of 32`],
    [cols % 24 === 0, `BK ${cols} must be a multiple of 24`],
    [rest % 32 === 0, `columns ${columns} leave ${rest} after BK ${cols}, not a multiple of 32`],
    [columns >= 256, `columns ${columns} must be 256 or more`],
    // The format has room for 256 columns of pairs.
    [rest <= 256, `columns ${columns} leave ${rest} after BK ${cols}, more than 256`],
  ];
}

/** "1024,4096,256,96,32" as an entry; undefined when it is none. */
export function parseTileEntry(text: string): TileEntry | undefined {
  const numbers = text.split(",").map((part) => (/^\s*\d{1,7}\s*$/.test(part) ? Number(part) : 0));
  const [rows = 0, cols = 0, tileRows = 0, tileCols = 0, innerRows = 0] = numbers;
  if (numbers.length !== 5 || !numbers.every((n) => n > 0)) return undefined;
  return { rows, cols, tile: { rows: tileRows, cols: tileCols, innerRows } };
}

export function formatTileEntry({ rows, cols, tile }: TileEntry): string {
  return [rows, cols, tile.rows, tile.cols, tile.innerRows].join(",");
}

/** The tiles that a file names. What is not of the form is left out: the tiles are then missing. */
export function tilesOf(metadata: Metadata): readonly TileEntry[] {
  const entry = metadata.get(TILES_KEY);
  if (entry?.type !== "array") return [];
  const entries = entry.value.map((value) => parseTileEntry(String(value)));
  return entries.filter((one) => one !== undefined);
}

export function findTile(
  entries: readonly TileEntry[],
  rows: number,
  cols: number,
): TileParams | undefined {
  return entries.find((one) => one.rows === rows && one.cols === cols)?.tile;
}
