import { ENCODINGS, I2S_LAYOUTS } from "../../src/checkpoint/encodings.ts";
import { LAYOUT_KEY, openGgufSource } from "../../src/checkpoint/gguf-source.ts";
import type { Encoding, TensorSource, TileParams } from "../../src/checkpoint/source.ts";
import { chooseTile, formatTileEntry, TILES_KEY } from "../../src/checkpoint/tl-tiles.ts";
import { loadAddon } from "../../src/engine/load-addon.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import { TENSOR_TYPES, type TensorType } from "../../src/gguf/tensor-types.ts";
import type { MetadataEntry } from "../../src/gguf/types.ts";
import { openGgufWriter } from "../../src/gguf/writer.ts";
import { floatsOf } from "./converted.ts";
import { tensorData } from "./gguf.ts";
import { encodeIq1Bn, encodeIq2Bn } from "./iq-encoders.ts";

export interface RewriteOptions {
  readonly encoding: Encoding;
  /** Of several ids that the type has in files; default: the first. */
  readonly typeId?: number;
  /** Changes to the metadata; undefined takes a key away. */
  readonly metadata?: Readonly<Record<string, MetadataEntry | undefined>>;
  readonly tile?: (rows: number, cols: number) => TileParams;
}

/** What tells a file of an encoding from others with the same type: its program's mark, or ours. */
export function marksOf(encoding: Encoding): Readonly<Record<string, MetadataEntry>> {
  const layout = Object.entries(I2S_LAYOUTS).find(([, one]) => one === encoding)?.[0];
  if (layout !== undefined) return { [LAYOUT_KEY]: { type: "string", value: layout } };
  if (encoding !== "q2_0_g128_d_last") return {};
  return { "general.quantization_version": { type: "string", value: "TQ2_0_G128" } };
}

/** Writes the F32 file `input` again, with its projections in any encoding that can be read, as the
 *  program would that the encoding is from. */
export async function rewriteProjections(
  input: string,
  output: string,
  options: RewriteOptions,
): Promise<void> {
  const file = await readGguf(input);
  const { tensors } = await openGgufSource(input);
  const type = ggufType(options.encoding, options.typeId);
  const isProjection = ({ name, rows }: TensorSource) => rows > 1 && name.startsWith("blk.");
  const metadata = new Map(file.metadata);
  const tiles = tensors
    .filter((tensor) => isProjection(tensor) && options.encoding.startsWith("tl"))
    .map(({ rows, cols }) => formatTileEntry({ rows, cols, tile: tileOf(options, rows, cols) }));
  if (tiles.length > 0) {
    metadata.set(TILES_KEY, { type: "array", itemType: "string", value: [...new Set(tiles)] });
  }
  for (const [key, entry] of Object.entries(options.metadata ?? {})) {
    if (entry) metadata.set(key, entry);
    else metadata.delete(key);
  }
  const plan = file.tensors.map(({ name, dims, type: old }, i) => {
    return { name, dims, type: isProjection(tensors[i] as TensorSource) ? type : old };
  });
  const writer = await openGgufWriter(output, metadata, plan);
  for (const tensor of tensors) {
    const bytes = isProjection(tensor)
      ? await encode(floatsOf(file, tensor.name), tensor, options)
      : tensorData(file, tensor.name);
    await writer.append(tensor.name, bytes);
  }
  await writer.finish();
}

function ggufType(encoding: Encoding, typeId: number | undefined): TensorType {
  const names = ENCODINGS[encoding].ggufTypes;
  const found = TENSOR_TYPES.find(
    ({ id, name }) => names.includes(name) && (typeId === undefined || id === typeId),
  );
  if (!found) throw new Error(`${encoding} has no type ${typeId ?? ""}`);
  return found;
}

function tileOf({ encoding, tile }: RewriteOptions, rows: number, cols: number): TileParams {
  return tile?.(rows, cols) ?? chooseTile(encoding as "tl1" | "tl2", rows, cols);
}

/** One matrix, tail included. */
async function encode(
  weights: Float32Array,
  { rows, cols }: TensorSource,
  options: RewriteOptions,
): Promise<Uint8Array> {
  const { encoding } = options;
  if (encoding === "iq2_bn") return encodeIq2Bn(weights, cols);
  if (encoding === "iq1_bn") return encodeIq1Bn(weights, cols);
  const scale = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  const { bytes } = await loadAddon().convert({
    ...{ from: "f32", floats: "unpacked", group: 64, rows, cols },
    data: new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength),
    ...{ to: encoding, toScale: scale },
    ...(encoding.startsWith("tl") ? { toTile: tileOf(options, rows, cols) } : {}),
  });
  const tail = Buffer.alloc(ENCODINGS[encoding].tailBytes);
  if (tail.length > 0) tail.writeFloatLE(scale);
  return Buffer.concat([bytes, tail]);
}
