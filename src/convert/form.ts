import { ENCODINGS, greatestDivisor, isTernary, payloadBytes } from "../checkpoint/encodings.ts";
import type { TensorSource } from "../checkpoint/source.ts";
import type { Addon, RowsSpec, ScaleStats } from "../engine/binding.ts";
import { ModelFormatError, UnsupportedError } from "../errors.ts";
import { type OpenFile, readFully } from "../gguf/files.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { mapAhead } from "./map-ahead.ts";
import { native } from "./native.ts";
import { cutRows, FileRows, type Reading, type RowsUpdate } from "./row-source.ts";

/** Keeps the scale of an all-zero matrix positive (BitNet b1.58, section 2). */
const ABSMEAN_FLOOR = Math.fround(1e-5);

/** Numbers that are ternary by chance, a group of this size and more cannot be. */
const SMALLEST_GROUP = 16;
/** A divisor of every group size in use: what is ternary in larger groups is in these as well. */
const GROUP = 64;

export interface FormContext {
  readonly file: OpenFile;
  readonly pool: BufferPool;
  readonly addon: Pick<Addon, "absSum" | "scaleStats">;
  /** Added to masters. */
  readonly update?: RowsUpdate | undefined;
  /** Called before every block. */
  readonly checkCancelled: () => void;
}

/** What the weights of a tensor are: how to read them, and the one scale of all of them where a format
 *  that keeps it apart is to take them. */
export interface Form {
  readonly reading: Reading;
  readonly scale: number;
}

/** Finds out what a tensor holds; masters, and weights with several scales, take a pass over it. Float
 *  matrices may be ternary already: that is tried where `target` needs it or projections are concerned.
 *  @throws {UnsupportedError} float weights for a ternary target that are neither masters nor ternary
 *  @throws {ModelFormatError} a stored scale that is no number, weights that are not finite */
export async function formOf(
  source: TensorSource,
  wants: { readonly ternary: boolean; readonly oneScale: boolean },
  context: FormContext,
): Promise<Form> {
  const { name, encoding, cols, tile } = source;
  const reading: Reading = { from: encoding, cols, ...(tile && { tile }) };
  const { scales } = ENCODINGS[encoding];
  if (scales === "apart") {
    const scale = await storedScale(source, context.file);
    return { reading: { ...reading, scale }, scale };
  }
  if (source.quantise === "absmean") {
    const scale = await absmeanScale(source, reading, context);
    return { reading: { ...reading, floats: "masters", scale }, scale };
  }
  if (scales === "payload") {
    if (!wants.oneScale) return { reading, scale: 1 };
    return { reading, scale: oneScale(await statsOf(source, reading, context)) };
  }
  if (source.rows === 1 || !(wants.ternary || name.startsWith("blk.")))
    return { reading, scale: 1 };
  const unpacked = asTernary(reading);
  const stats = await ternaryStats(source, context);
  if (stats) return { reading: unpacked, scale: oneScale(stats) };
  if (!wants.ternary) return { reading, scale: 1 };
  throw new UnsupportedError(`${name} holds float weights that are not ternary`, {
    hint: "convert from the Hugging Face checkpoint, whose master weights can be ternarised",
  });
}

/** Numbers read as what they are written for: trits times a scale for every group. */
function asTernary(reading: Reading): Reading {
  const common = greatestDivisor(reading.cols, GROUP);
  return { ...reading, floats: "unpacked", group: common < SMALLEST_GROUP ? reading.cols : common };
}

/** Scales of float weights that are ternary already; undefined when they are not, which nearly always
 *  shows in the first block. */
export async function ternaryStats(
  source: TensorSource,
  context: FormContext,
): Promise<ScaleStats | undefined> {
  const reading = asTernary({ from: source.encoding, cols: source.cols });
  try {
    return await statsOf(source, reading, context);
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  }
}

/** The scale (f32) that an encoding keeps apart: in the tail of a GGUF tensor, or in the checkpoint. */
async function storedScale(source: TensorSource, file: OpenFile): Promise<number> {
  const { name, encoding, rows, cols, offset } = source;
  let scale = source.scale ?? Number.NaN;
  if (ENCODINGS[encoding].tailBytes > 0) {
    const bytes = Buffer.alloc(4);
    await readFully(file, bytes, offset + (payloadBytes(encoding, rows, cols) ?? 0));
    scale = bytes.readFloatLE();
  }
  if (Number.isFinite(scale) && scale >= 0) return scale;
  throw new ModelFormatError(`weight scale of ${name} is ${scale}`);
}

async function absmeanScale(
  source: TensorSource,
  reading: Reading,
  context: FormContext,
): Promise<number> {
  let sum = 0;
  for await (const part of overBlocks(source, reading, context, (rows) =>
    native(context.addon.absSum(rows)),
  )) {
    sum += part;
  }
  const scale = Math.fround(sum / (source.rows * source.cols));
  if (Number.isFinite(scale)) return Math.max(scale, ABSMEAN_FLOOR);
  throw new ModelFormatError(`weights of ${source.name} are too large, or no numbers`);
}

async function statsOf(
  source: TensorSource,
  reading: Reading,
  context: FormContext,
): Promise<ScaleStats> {
  let all: ScaleStats = { min: 0, max: 0, nonzeros: 0, weightedSum: 0 };
  for await (const part of overBlocks(source, reading, context, (rows) =>
    native(context.addon.scaleStats(rows)),
  )) {
    if (part.nonzeros > 0) all = all.nonzeros === 0 ? part : join(all, part);
  }
  return all;
}

function join(a: ScaleStats, b: ScaleStats): ScaleStats {
  return {
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    nonzeros: a.nonzeros + b.nonzeros,
    weightedSum: a.weightedSum + b.weightedSum,
  };
}

/** The scale that stands for all: the common one, or with a loss the one of the least squared error. */
function oneScale({ min, max, nonzeros, weightedSum }: ScaleStats): number {
  if (nonzeros === 0) return ABSMEAN_FLOOR;
  return min === max ? min : Math.fround(weightedSum / nonzeros);
}

async function* overBlocks<T>(
  source: TensorSource,
  reading: Reading,
  { file, pool, update, checkCancelled }: FormContext,
  work: (rows: RowsSpec) => Promise<T>,
): AsyncGenerator<T> {
  const rows = new FileRows(file, source, reading, pool, { update });
  yield* mapAhead(cutRows(rows, source.encoding), async (cut) => {
    checkCancelled();
    const block = await rows.read(cut.row, cut.rows);
    try {
      return await work(block.spec);
    } finally {
      block.release();
    }
  });
}

/** Whether a target keeps trits, and one scale for all of them. */
export function wantsOf(target: TensorSource["encoding"]): { ternary: boolean; oneScale: boolean } {
  return { ternary: isTernary(target), oneScale: ENCODINGS[target].scales === "apart" };
}
