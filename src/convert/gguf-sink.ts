import { ENCODINGS, ggufTypeOf } from "../checkpoint/encodings.ts";
import { LAYOUT_KEY } from "../checkpoint/gguf-source.ts";
import { FILE_TYPES } from "../checkpoint/hf-metadata.ts";
import { formatTileEntry, TILES_KEY } from "../checkpoint/tl-tiles.ts";
import type { Metadata, MetadataEntry } from "../gguf/types.ts";
import { type GgufWriter, openGgufWriter } from "../gguf/writer.ts";
import type { OutType } from "./out-types.ts";
import type { Job } from "./plan.ts";
import type { TensorSink } from "./sink.ts";

const QUANTIZATION_VERSION = 2;

/** Tensors of a GGUF file. Errors as `openGgufWriter`. */
export async function openGgufSink(
  path: string,
  metadata: Metadata,
  jobs: readonly Job[],
  outtype: Exclude<OutType, "safetensors">,
): Promise<TensorSink> {
  const plan = jobs.map(({ source: { name, rows, cols }, target }) => ({
    name,
    // A vector has one dimension in GGUF files.
    dims: rows === 1 ? [cols] : [cols, rows],
    type: ggufTypeOf(target),
  }));
  const entries = outputMetadata(metadata, jobs, FILE_TYPES[outtype]);
  return new GgufSink(await openGgufWriter(path, entries, plan));
}

class GgufSink implements TensorSink {
  readonly #writer: GgufWriter;

  constructor(writer: GgufWriter) {
    this.#writer = writer;
  }

  append({ source }: Job, bytes: Uint8Array): Promise<void> {
    return this.#writer.append(source.name, bytes);
  }

  appendScale({ source, target }: Job, scale: Uint8Array): Promise<void> {
    const tail = Buffer.alloc(ENCODINGS[target].tailBytes);
    tail.set(scale);
    return this.#writer.append(source.name, tail);
  }

  finish(): Promise<void> {
    return this.#writer.finish();
  }

  abort(): Promise<void> {
    return this.#writer.abort();
  }
}

/** The model's metadata with what the output's tensors change about it. Keys keep their places; new ones
 *  come last. */
export function outputMetadata(
  metadata: Metadata,
  jobs: readonly Job[],
  fileType: number,
): Metadata {
  const entries = new Map<string, MetadataEntry>(metadata);
  entries.set("general.file_type", { type: "uint32", value: fileType });
  if (entries.get("general.quantization_version")?.type === "string") {
    entries.set("general.quantization_version", { type: "uint32", value: QUANTIZATION_VERSION });
  }
  // Of the input; the output has the usual layout.
  entries.delete(LAYOUT_KEY);
  entries.delete(TILES_KEY);
  const tiles = new Set(
    jobs.flatMap(({ source: { rows, cols }, tile }) =>
      tile ? [formatTileEntry({ rows, cols, tile })] : [],
    ),
  );
  if (tiles.size > 0) {
    entries.set(TILES_KEY, { type: "array", itemType: "string", value: [...tiles] });
  }
  return entries;
}
