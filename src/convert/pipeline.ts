import { realpath } from "node:fs/promises";
import { ggufTypeOf } from "../checkpoint/encodings.ts";
import { FILE_TYPES } from "../checkpoint/hf-metadata.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import type { Addon } from "../engine/binding.ts";
import { UsageError } from "../errors.ts";
import { type OpenFile, openFile } from "../gguf/files.ts";
import type { Metadata, MetadataEntry } from "../gguf/types.ts";
import { openGgufWriter } from "../gguf/writer.ts";
import { type EmbdType, type OutType, planJobs } from "./plan.ts";
import { TensorConverter } from "./tensor-converter.ts";

export interface ConvertOptions {
  readonly outtype: OutType;
  /** Default: f16, with `outtype` f32: f32; of a GGUF file, what is quantised stays as it is. */
  readonly embdType?: EmbdType | undefined;
  /** Path of the GGUF file to write; an existing one is replaced when the new one is complete. */
  readonly output: string;
  readonly addon: Pick<Addon, "convertRows" | "absSum" | "ternaryCheck">;
  /** Called after every block with the bytes of tensor data written so far and in all. */
  readonly onProgress?:
    | ((doneBytes: number, totalBytes: number, at: TensorProgress) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The tensor being written. */
export interface TensorProgress {
  readonly tensor: string;
  readonly index: number;
  readonly count: number;
}

export interface ConvertResult {
  readonly output: string;
  /** Bytes of tensor data, without header and padding. */
  readonly dataBytes: number;
  /** Number of tensors by GGUF type, e.g. { I2_S: 210, F32: 121, F16: 1 }. */
  readonly tensors: Readonly<Record<string, number>>;
}

/** Writes a model as GGUF: one tensor at a time, in blocks of rows, so that memory use does not
 *  depend on the model. Reading, converting and writing overlap.
 *  @throws {CancelledError}   `signal` was aborted; as after every error, nothing is left behind
 *  @throws {UnsupportedError} a shape or weight that the wanted types cannot hold
 *  @throws {ModelFormatError} the model is damaged
 *  @throws {ResourceError}    the disk is full
 *  @throws {UsageError}       the output is the input */
export async function convertModel(
  model: ModelSource,
  options: ConvertOptions,
): Promise<ConvertResult> {
  const jobs = planJobs(model, options.outtype, options.embdType);
  await refuseInput(model, options.output);
  const plan = jobs.map(({ source: { name, rows, cols }, target }) => ({
    name,
    // A vector has one dimension in GGUF files.
    dims: rows === 1 ? [cols] : [cols, rows],
    type: ggufTypeOf(target),
  }));
  const totalBytes = jobs.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);
  let doneBytes = 0;
  const metadata = withFileType(model.metadata, FILE_TYPES[options.outtype]);
  const files = await openAll(model.files);
  try {
    const writer = await openGgufWriter(options.output, metadata, plan);
    try {
      const converter = new TensorConverter({ files, writer, ...options });
      for (const [index, job] of jobs.entries()) {
        const at = { tensor: job.source.name, index, count: jobs.length };
        await converter.convert(job, (bytes) => {
          doneBytes += bytes;
          options.onProgress?.(doneBytes, totalBytes, at);
        });
      }
      converter.checkCancelled();
      await writer.finish();
      return { output: options.output, dataBytes: totalBytes, tensors: countTypes(plan) };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  } finally {
    for (const file of files) await file.handle.close();
  }
}

async function openAll(paths: readonly string[]): Promise<readonly OpenFile[]> {
  const files: OpenFile[] = [];
  try {
    for (const path of paths) files.push(await openFile(path));
    return files;
  } catch (error) {
    for (const file of files) await file.handle.close();
    throw error;
  }
}

async function refuseInput(model: ModelSource, output: string): Promise<void> {
  const target = await realpath(output).catch(() => undefined);
  if (target === undefined) return;
  for (const file of model.files) {
    if ((await realpath(file)) !== target) continue;
    throw new UsageError(`the output ${output} is the input`, { hint: "choose another -o" });
  }
}

/** Keeps the place of `general.file_type`; adds it at the end where it is missing. */
function withFileType(metadata: Metadata, fileType: number): Metadata {
  const entry: MetadataEntry = { type: "uint32", value: fileType };
  return new Map([...metadata]).set("general.file_type", entry);
}

function countTypes(plan: readonly { readonly type: { readonly name: string } }[]) {
  const counts: Record<string, number> = {};
  for (const { type } of plan) counts[type.name] = (counts[type.name] ?? 0) + 1;
  return counts;
}
