import { ENCODINGS } from "../checkpoint/encodings.ts";
import type { TensorSource } from "../checkpoint/source.ts";
import type { Addon, RowsRequest } from "../engine/binding.ts";
import { ModelFormatError, UnsupportedError } from "../errors.ts";
import { type OpenFile, readFully } from "../gguf/files.ts";
import { type BlockReader, blocksOf } from "./blocks.ts";
import { native } from "./native.ts";
import type { Job } from "./plan.ts";

/** Keeps the scale of an all-zero matrix positive (BitNet b1.58, section 2). */
const ABSMEAN_FLOOR = 1e-5;

export interface ScaleContext {
  readonly file: OpenFile;
  readonly reader: BlockReader;
  readonly addon: Pick<Addon, "absSum" | "ternaryCheck">;
  /** Called before every block. */
  readonly checkCancelled: () => void;
}

/** The weight scale that a tensor has or gets; 1 where none is involved. Float weights take a pass
 *  over the tensor.
 *  @throws {UnsupportedError} float weights that are neither masters nor ternary
 *  @throws {ModelFormatError} a stored scale that is no positive number */
export async function weightScale(job: Job, context: ScaleContext): Promise<number> {
  const { source, target } = job;
  if (source.encoding === "hf_packed") return checked(source, source.scale ?? Number.NaN);
  if (ENCODINGS[source.encoding].ternary) return storedScale(source, context);
  if (source.quantise === "absmean") return absmeanScale(source, context);
  return ENCODINGS[target].ternary ? uniformScale(source, context) : 1;
}

/** The f32 behind the codes of an I2_S tensor. */
async function storedScale(source: TensorSource, context: ScaleContext): Promise<number> {
  const tail = Buffer.alloc(ENCODINGS[source.encoding].tailBytes);
  const offset = source.offset + source.bytes - tail.length;
  await readFully(context.file, tail, offset);
  return checked(source, tail.readFloatLE());
}

function checked(source: TensorSource, scale: number): number {
  if (Number.isFinite(scale) && scale >= 0) return scale;
  throw new ModelFormatError(`weight scale of ${source.name} is ${scale}`);
}

async function absmeanScale(source: TensorSource, context: ScaleContext): Promise<number> {
  let sum = 0;
  for await (const rows of floatRows(source, context))
    sum += await native(context.addon.absSum(rows));
  return Math.fround(Math.max(sum / (source.rows * source.cols), ABSMEAN_FLOOR));
}

/** The one magnitude of a float matrix that is ternary already. */
async function uniformScale(source: TensorSource, context: ScaleContext): Promise<number> {
  let scale = 0;
  for await (const rows of floatRows(source, context)) {
    const { max, ternary } = await native(context.addon.ternaryCheck(rows));
    const agrees = max === 0 || scale === 0 || max === scale;
    if (!ternary || !agrees) {
      throw new UnsupportedError(`${source.name} holds float weights that are not ternary`, {
        hint: "convert from the Hugging Face checkpoint, whose master weights can be ternarised",
      });
    }
    scale = Math.max(scale, max);
  }
  return scale === 0 ? Math.fround(ABSMEAN_FLOOR) : scale;
}

async function* floatRows(
  source: TensorSource,
  { file, reader, checkCancelled }: ScaleContext,
): AsyncGenerator<RowsRequest> {
  const { encoding: from, cols } = source;
  for await (const { block, data } of reader.read(file, blocksOf(source, from))) {
    checkCancelled();
    yield { from, rows: block.rows, cols, data };
  }
}
