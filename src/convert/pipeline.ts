import { realpath, rm } from "node:fs/promises";
import { isTernary } from "../checkpoint/encodings.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import type { TileEntry } from "../checkpoint/tl-tiles.ts";
import type { Addon } from "../engine/binding.ts";
import { CancelledError, UsageError } from "../errors.ts";
import { type OpenFile, openFile } from "../gguf/files.ts";
import { BufferPool } from "./buffer-pool.ts";
import { openCheckpointSink } from "./checkpoint-sink.ts";
import { ternaryStats } from "./form.ts";
import { openGgufSink } from "./gguf-sink.ts";
import { type LossReport, LossTally } from "./loss.ts";
import { countChanges, type Merge, type MergeReport } from "./merge.ts";
import { type EmbdType, isFloat, OUT_TYPES, type OutType } from "./out-types.ts";
import { type Job, planJobs } from "./plan.ts";
import type { TensorSink } from "./sink.ts";
import { TensorConverter } from "./tensor-converter.ts";
import { type Verification, verifyOutput } from "./verify.ts";

export interface ConvertOptions {
  readonly outtype: OutType;
  /** Default: f16, with `outtype` f32 or bf16 the same; what is quantised or ternary stays so where the
   *  output can hold it. */
  readonly embdType?: EmbdType | undefined;
  /** Path of the GGUF file or (safetensors) the folder to write; an existing one is replaced when the new
   *  one is complete. */
  readonly output: string;
  readonly addon: Pick<Addon, "convert" | "scaleStats" | "absSum" | "compareRows">;
  /** Tiles of TL1 and TL2 output. */
  readonly tlTiles?: readonly TileEntry[] | undefined;
  /** Round and merge scales, and round weights, where the output cannot hold them. */
  readonly allowLossy?: boolean | undefined;
  /** Added to masters before they become ternary. */
  readonly merge?: Merge | undefined;
  /** Read the output back and compare it with the input. */
  readonly verify?: boolean | undefined;
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
  /** Number of tensors by type, e.g. { I2_S: 210, F32: 121, F16: 1 }. */
  readonly tensors: Readonly<Record<string, number>>;
  /** What the trits' scales and the ternary weights lost; absent when nothing. */
  readonly loss?: LossReport;
  readonly verification?: Verification;
  readonly merged?: MergeReport;
  /** What a user may want to know, one clause each. */
  readonly notes: readonly string[];
}

/** Writes a model as a GGUF file or a checkpoint folder: one tensor at a time, in blocks of rows, so that
 *  memory use does not depend on the model. Reading, converting and writing overlap.
 *  @throws {CancelledError}   `signal` was aborted; as after every error, nothing is left behind
 *  @throws {UnsupportedError} a shape or weight that the wanted types cannot hold, or a loss that is not
 *    allowed
 *  @throws {ModelFormatError} the model is damaged, or the output is not what was written
 *  @throws {ResourceError}    the disk is full
 *  @throws {UsageError}       the output is the input, or `embdType` is none of its types */
export async function convertModel(
  model: ModelSource,
  options: ConvertOptions,
): Promise<ConvertResult> {
  await refuseInput(model, options.output);
  const files = await openAll(model.files);
  try {
    const ternaryEmbeddings = await findTernaryEmbeddings(model, files, options);
    const jobs = planJobs(model, { ...options, ternaryEmbeddings });
    const opened = await openSink(model, jobs, options);
    const loss = await writeAll(jobs, files, opened.sink, options);
    const verification = options.verify ? await verify(jobs, files, options) : undefined;
    const { merge, ...unmerged } = options;
    const merged = merge && (await countChanges(jobs, files, merge, unmerged));
    return {
      output: options.output,
      dataBytes: totalOf(jobs),
      tensors: countTypes(jobs),
      ...(loss && { loss }),
      ...(verification && { verification }),
      ...(merged && { merged }),
      notes: opened.notes,
    };
  } finally {
    for (const file of files) await file.handle.close();
  }
}

async function openSink(
  model: ModelSource,
  jobs: readonly Job[],
  { outtype, output }: ConvertOptions,
): Promise<{ sink: TensorSink; notes: readonly string[] }> {
  if (outtype === "safetensors") return openCheckpointSink(output, model, jobs);
  return { sink: await openGgufSink(output, model.metadata, jobs, outtype), notes: [] };
}

async function writeAll(
  jobs: readonly Job[],
  files: readonly OpenFile[],
  sink: TensorSink,
  options: ConvertOptions,
): Promise<LossReport | undefined> {
  const { addon, merge, signal, allowLossy = false, onProgress } = options;
  const tally = new LossTally();
  const totalBytes = totalOf(jobs);
  let doneBytes = 0;
  try {
    const converter = new TensorConverter({ files, sink, addon, allowLossy, merge, signal });
    for (const [index, job] of jobs.entries()) {
      const at = { tensor: job.source.name, index, count: jobs.length };
      const loss = await converter.convert(job, (bytes) => {
        doneBytes += bytes;
        onProgress?.(doneBytes, totalBytes, at);
      });
      tally.add(job.source.name, loss);
    }
    converter.checkCancelled();
    await sink.finish();
    return tally.report;
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** An output that is not what was meant must not be found by anybody. */
async function verify(
  jobs: readonly Job[],
  files: readonly OpenFile[],
  options: ConvertOptions,
): Promise<Verification> {
  try {
    return await verifyOutput(jobs, files, options);
  } catch (error) {
    await rm(options.output, { recursive: true, force: true });
    throw error;
  }
}

/** Embeddings that are written as numbers and are ternary, where that makes a difference to the plan. */
async function findTernaryEmbeddings(
  model: ModelSource,
  files: readonly OpenFile[],
  { outtype, embdType, addon, signal }: ConvertOptions,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  if (embdType || !isTernary(OUT_TYPES[outtype]) || outtype === "safetensors") return found;
  const checkCancelled = (): void => {
    if (signal?.aborted) throw new CancelledError("conversion cancelled");
  };
  for (const tensor of model.tensors) {
    const file = files[tensor.file];
    const isEmbedding = tensor.rows > 1 && !tensor.name.startsWith("blk.");
    if (!file || !isEmbedding || !isFloat(tensor.encoding)) continue;
    const context = { file, pool: new BufferPool(), addon, checkCancelled };
    if (await ternaryStats(tensor, context)) found.add(tensor.name);
  }
  return found;
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
  const inputs = [model.path, ...model.files];
  for (const file of inputs) {
    if ((await realpath(file).catch(() => undefined)) !== target) continue;
    throw new UsageError(`the output ${output} is the input`, { hint: "choose another -o" });
  }
}

function totalOf(jobs: readonly Job[]): number {
  return jobs.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);
}

function countTypes(jobs: readonly Job[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { target } of jobs) {
    const name = target === "hf_packed" ? "U8" : target.toUpperCase();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
