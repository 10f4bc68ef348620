import { join } from "node:path";
import { ENCODINGS } from "../checkpoint/encodings.ts";
import type { Encoding, ModelSource } from "../checkpoint/source.ts";
import { AtomicFile } from "../gguf/atomic-file.ts";
import { AtomicFolder } from "./atomic-folder.ts";
import { type CheckpointFamily, checkpointFamily, checkpointName } from "./checkpoint-config.ts";
import { writeCheckpointFiles } from "./checkpoint-files.ts";
import type { Job } from "./plan.ts";
import type { TensorSink } from "./sink.ts";

const DTYPES: Partial<Record<Encoding, string>> = {
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  hf_packed: "U8",
};

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** Opens a checkpoint folder in Microsoft's packed form: config.json, tokenizer files where the model has
 *  them, and model.safetensors.
 *  @throws {UnsupportedError} a family that no checkpoint has
 *  @throws {UsageError, NotFoundError, ResourceError} as `AtomicFolder` and `AtomicFile` */
export async function openCheckpointSink(
  output: string,
  model: ModelSource,
  jobs: readonly Job[],
): Promise<{ sink: TensorSink; notes: readonly string[] }> {
  const family = checkpointFamily(model);
  const entries = jobs.map((job) => entryOf(job, family));
  const scales = jobs
    .filter(({ target }) => target === "hf_packed")
    .map((job) => scaleEntryOf(job, family));
  const header = encodeHeader([...entries, ...scales]);
  const folder = await AtomicFolder.create(output);
  try {
    const floats = jobs[0]?.scaleType ?? "f32";
    const notes = await writeCheckpointFiles(folder.temporary, model, family, floats);
    const bytes = [...entries, ...scales].reduce((sum, one) => sum + one.bytes, header.length);
    const file = await AtomicFile.create(join(folder.temporary, "model.safetensors"), bytes);
    await file.write(header);
    return { sink: new CheckpointSink(folder, file), notes };
  } catch (error) {
    await folder.abort();
    throw error;
  }
}

/** Scales come after everything else, where they are aligned. */
class CheckpointSink implements TensorSink {
  readonly #folder: AtomicFolder;
  readonly #file: AtomicFile;
  readonly #scales: Uint8Array[] = [];

  constructor(folder: AtomicFolder, file: AtomicFile) {
    this.#folder = folder;
    this.#file = file;
  }

  append(_job: Job, bytes: Uint8Array): Promise<void> {
    return this.#file.write(bytes);
  }

  async appendScale(_job: Job, scale: Uint8Array): Promise<void> {
    this.#scales.push(scale);
  }

  async finish(): Promise<void> {
    await this.#file.write(Buffer.concat(this.#scales));
    await this.#file.commit();
    await this.#folder.commit();
  }

  async abort(): Promise<void> {
    await this.#file.abort();
    await this.#folder.abort();
  }
}

function entryOf({ source, target, payloadBytes }: Job, family: CheckpointFamily): Entry {
  const { rows, cols } = source;
  const name = checkpointName(family, source.name);
  const dtype = DTYPES[target];
  if (!dtype) throw new Error(`${name}: ${target} is no type of a checkpoint`);
  const matrix = dtype === "U8" ? [rows / 4, cols] : [rows, cols];
  return { name, dtype, shape: rows === 1 ? [cols] : matrix, bytes: payloadBytes };
}

function scaleEntryOf({ source, scaleType }: Job, family: CheckpointFamily): Entry {
  const name = `${checkpointName(family, source.name)}_scale`;
  const bytes = ENCODINGS[scaleType].blockBytes;
  return { name, dtype: DTYPES[scaleType] ?? "", shape: [1], bytes };
}

/** Length, JSON and padding, so that data begins at a multiple of 8. */
function encodeHeader(entries: readonly Entry[]): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let end = 0;
  for (const { name, dtype, shape, bytes } of entries) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}
