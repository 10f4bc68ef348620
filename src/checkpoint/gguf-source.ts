import { resolve } from "node:path";
import { ModelFormatError, UnsupportedError } from "../errors.ts";
import { quote } from "../gguf/quote.ts";
import { readGguf } from "../gguf/reader.ts";
import type { GgufTensor, Metadata } from "../gguf/types.ts";
import type { Architecture } from "./architectures/architecture.ts";
import { architectureOf, rulesOf } from "./architectures/registry.ts";
import { encodingOf, I2S_LAYOUTS, type I2sLayout } from "./encodings.ts";
import { refuseModel, unsupportedType } from "./refusals.ts";
import type { ModelSource, TensorSource, TileParams } from "./source.ts";
import { findTile, knownTile, type TileEntry, tileProblem, tilesOf } from "./tl-tiles.ts";

export interface GgufOptions {
  /** Layout of I2_S tensors, whatever the file says. */
  readonly i2sLayout?: I2sLayout | undefined;
  /** Tiles of TL1 and TL2 tensors, whatever the file says. */
  readonly tlTiles?: readonly TileEntry[] | undefined;
}

/** The layout of published files; hardly any says which one it has. */
const DEFAULT_LAYOUT: I2sLayout = "i2_s";
export const LAYOUT_KEY = "bitnet.i2_s.layout";

/** Opens a GGUF file as a model.
 *  @throws {UnsupportedError} a tensor type, model family or tensor that this build cannot compute with,
 *    TL1 or TL2 tensors whose tiles nobody knows, or a split file
 *  @throws {ModelFormatError, NotFoundError} as `readGguf` */
export async function openGgufSource(
  path: string,
  options: GgufOptions = {},
): Promise<ModelSource> {
  const file = await readGguf(path);
  const { metadata } = file;
  const parts = Number(metadata.get("split.count")?.value ?? 1);
  if (parts > 1) {
    throw new UnsupportedError(`${path} is one of ${parts} parts of a split model`, {
      hint: "join the parts first (llama.cpp: llama-gguf-split --merge)",
    });
  }
  refuseModel(metadata);
  if (file.tensors.length === 0) throw new ModelFormatError(`${path} holds no tensors`);
  const architecture = architectureOf(metadata.get("general.architecture")?.value);
  if (architecture) refuseOthers(file.tensors, architecture);
  const i2sLayout = options.i2sLayout ?? layoutOf(metadata) ?? DEFAULT_LAYOUT;
  const tiles = new TileFinder(path, [...(options.tlTiles ?? []), ...tilesOf(metadata)]);
  const tensors = file.tensors.map((tensor): TensorSource => {
    const source = toSource(tensor, i2sLayout);
    const tile = tiles.tileOf(source);
    const heads = headsOf(source.name, architecture, metadata);
    return { ...source, ...(tile && { tile }), ...(heads && { adjacentHeads: heads }) };
  });
  const { notes } = tiles;
  return { container: "gguf", path, files: [resolve(path)], metadata, tensors, notes };
}

function toSource(tensor: GgufTensor, i2sLayout: I2sLayout): TensorSource {
  const { name, dims, type, offset, bytes } = tensor;
  const encoding = encodingOf(type, i2sLayout);
  if (!encoding) throw unsupportedType(name, type);
  const [cols = 1, rows = 1, ...more] = dims;
  if (more.some((dim) => dim !== 1)) {
    throw new UnsupportedError(`tensor ${name} has ${dims.length} dimensions, expected 1 or 2`);
  }
  return { name, rows, cols, encoding, file: 0, offset, bytes };
}

/** Weights that the family does not have would change the model if they were left out. */
function refuseOthers(tensors: readonly GgufTensor[], architecture: Architecture): void {
  const known = new Set(rulesOf(architecture).map(({ gguf }) => `${gguf}.weight`));
  for (const { name } of tensors) {
    if (known.has(name.replace(/^blk\.\d+\./, "blk.{n}."))) continue;
    throw new UnsupportedError(
      `unexpected tensor ${quote(name)} in a ${architecture.gguf} model: without it the model would be another one`,
    );
  }
}

/** @throws {UnsupportedError} a layout that nobody knows */
function layoutOf(metadata: Metadata): I2sLayout | undefined {
  const name = metadata.get(LAYOUT_KEY)?.value;
  if (name === undefined) return undefined;
  if (Object.hasOwn(I2S_LAYOUTS, String(name)))
    return I2S_LAYOUTS[name as keyof typeof I2S_LAYOUTS];
  const known = Object.keys(I2S_LAYOUTS).join(", ");
  throw new UnsupportedError(
    `${LAYOUT_KEY} is ${quote(String(name))}; the layouts known are ${known}`,
  );
}

/** Heads whose rows a tensor has in adjacent-pair order. */
function headsOf(
  name: string,
  architecture: Architecture | undefined,
  metadata: Metadata,
): number | undefined {
  const rule = architecture?.layer.find(
    ({ gguf }) => `${gguf}.weight` === name.replace(/^blk\.\d+\./, "blk.{n}."),
  );
  if (!rule?.heads) return undefined;
  const read = (key: string): number | undefined => {
    const value = metadata.get(`${architecture?.gguf}.attention.${key}`)?.value;
    return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
  };
  const heads = rule.heads === "key" ? (read("head_count_kv") ?? read("head_count")) : undefined;
  return heads ?? read("head_count");
}

/** Finds the tiles of TL1 and TL2 tensors: of the user, of the file, of the converter's own table. */
class TileFinder {
  readonly #path: string;
  readonly #entries: readonly TileEntry[];
  #guessed = false;

  constructor(path: string, entries: readonly TileEntry[]) {
    this.#path = path;
    this.#entries = entries;
  }

  get notes(): readonly string[] {
    if (!this.#guessed) return [];
    return [
      "the file does not name the tiles of its TL1 or TL2 tensors: taken from the table of bitnet.cpp's code generator",
    ];
  }

  /** @throws {UnsupportedError} nobody knows the tiles, or they do not fit */
  tileOf({ name, encoding, rows, cols }: TensorSource): TileParams | undefined {
    if (encoding !== "tl1" && encoding !== "tl2") return undefined;
    const named = findTile(this.#entries, rows, cols);
    this.#guessed ||= named === undefined;
    const tile = named ?? knownTile(encoding, rows, cols);
    const hint = `name them: bitnet convert ${this.#path} --tl-tiles ${rows},${cols},BM,BK,bm`;
    if (!tile) {
      throw new UnsupportedError(
        `the tiles of ${name} [${rows}, ${cols}] (${encoding}) are not in the file, and no table has them`,
        { hint },
      );
    }
    const problem = tileProblem(encoding, rows, cols, tile);
    if (problem === undefined) return tile;
    throw new UnsupportedError(`the tiles of ${name} do not fit ${encoding}: ${problem}`, { hint });
  }
}
