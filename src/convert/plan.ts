import type { TensorRule } from "../checkpoint/architectures/architecture.ts";
import { architectureOf, rulesOf } from "../checkpoint/architectures/registry.ts";
import { ENCODINGS, isTernary, payloadBytes } from "../checkpoint/encodings.ts";
import type { Encoding, ModelSource, TensorSource, TileParams } from "../checkpoint/source.ts";
import {
  chooseTile,
  findTile,
  type TileEntry,
  type TileFormat,
  tileProblem,
} from "../checkpoint/tl-tiles.ts";
import { UnsupportedError } from "../errors.ts";
import { floatTypeOf } from "./float-type.ts";
import { type EmbdType, type FloatType, isFloat, OUT_TYPES, type OutType } from "./out-types.ts";

/** Brings the rows of each head into the other order: `adjacent` puts row (h, j * d/2 + i) at (h, 2i + j),
 *  `halves` puts it back. */
export interface Reorder {
  readonly headDim: number;
  readonly to: "adjacent" | "halves";
}

/** One tensor to convert. */
export interface Job {
  readonly source: TensorSource;
  readonly target: Encoding;
  /** Bytes in the output, without a tail. */
  readonly payloadBytes: number;
  /** Tiles of the output. */
  readonly tile?: TileParams;
  /** Of a scale that is kept apart. */
  readonly scaleType: FloatType;
  readonly reorder?: Reorder;
  /** Added to the weights of a norm; the two containers may store them 1 apart. */
  readonly addend: -1 | 0 | 1;
}

export interface PlanOptions {
  readonly outtype: OutType;
  readonly embdType?: EmbdType | undefined;
  readonly tlTiles?: readonly TileEntry[] | undefined;
  /** Names of float embeddings whose numbers are ternary. */
  readonly ternaryEmbeddings?: ReadonlySet<string>;
}

/** Decides the output type of every tensor: projections `outtype`, embeddings and output matrix
 *  `embdType`, vectors F32 (in a checkpoint, what all its numbers are).
 *  @throws {UnsupportedError} a shape that its type cannot hold
 *  @throws {UsageError} an `embdType` that the output cannot have */
export function planJobs(model: ModelSource, options: PlanOptions): readonly Job[] {
  const family = model.metadata.get("general.architecture")?.value;
  const architecture = architectureOf(family);
  const rules = new Map(
    architecture ? rulesOf(architecture).map((rule) => [`${rule.gguf}.weight`, rule]) : [],
  );
  const floats = floatTypeOf(model, options.outtype, options.embdType);
  const jobs = model.tensors.map((source): Job => {
    const target = targetOf(source, options, floats);
    const rule = rules.get(source.name.replace(/^blk\.\d+\./, "blk.{n}."));
    const tile = tileOf(source, target, options.tlTiles ?? []);
    return {
      source,
      target,
      payloadBytes: sizeOf(source, target),
      ...(tile && { tile }),
      scaleType: floats ?? "f32",
      ...reorderOf(model, source, rule, options.outtype),
      addend: addendOf(model, source, rule, options.outtype),
    };
  });
  return options.outtype === "safetensors" ? jobs.toSorted(byAlignment) : jobs;
}

/** Readers of safetensors files want every tensor aligned to its elements: the widest come first. */
function byAlignment(a: Job, b: Job): number {
  return ENCODINGS[b.target].blockBytes - ENCODINGS[a.target].blockBytes;
}

/** `floats` is the one type of all numbers, where there is one. */
function targetOf(
  source: TensorSource,
  options: PlanOptions,
  floats: FloatType | undefined,
): Encoding {
  const { name, rows, encoding } = source;
  const { outtype, embdType } = options;
  if (rows === 1) return floats ?? "f32";
  if (name.startsWith("blk.")) return OUT_TYPES[outtype];
  const numbers = floats ?? embdType;
  if (numbers) return numbers;
  if (canStayTernary(source, options)) return OUT_TYPES[outtype];
  // Without a wish, what is quantised already stays as it is: it cannot get better.
  if (!isTernary(encoding) && !isFloat(encoding)) return encoding;
  return outtype === "f32" || outtype === "bf16" ? outtype : "f16";
}

/** Whether ternary embeddings can be stored as the projections are: with one scale, or with several. */
function canStayTernary(
  source: TensorSource,
  { outtype, ternaryEmbeddings }: PlanOptions,
): boolean {
  const { name, rows, cols, encoding } = source;
  const projections = OUT_TYPES[outtype];
  const { scales } = ENCODINGS[ternaryEmbeddings?.has(name) ? "q2_0" : encoding];
  if (scales === "none" || scales !== ENCODINGS[projections].scales) return false;
  if (payloadBytes(projections, rows, cols) === undefined) return false;
  return !isTiled(projections) || canBeTiled(projections, rows, cols);
}

function isTiled(encoding: Encoding): encoding is TileFormat {
  return encoding === "tl1" || encoding === "tl2";
}

/** Vocabularies seldom are whole tiles. */
function canBeTiled(format: TileFormat, rows: number, cols: number): boolean {
  try {
    chooseTile(format, rows, cols);
    return true;
  } catch (error) {
    if (error instanceof UnsupportedError) return false;
    throw error;
  }
}

function sizeOf({ name, rows, cols }: TensorSource, target: Encoding): number {
  const bytes = payloadBytes(target, rows, cols);
  const isWhole = ENCODINGS[target].order !== "quarters" || rows % 4 === 0;
  if (bytes !== undefined && isWhole) return bytes;
  const blocks = isWhole ? `blocks of ${ENCODINGS[target].blockElems}` : "groups of four rows";
  const option = name.startsWith("blk.") ? "--outtype f16" : "--embd-type f16";
  throw new UnsupportedError(`${name} [${rows}, ${cols}] does not fill ${target} ${blocks}`, {
    hint: `use ${option}`,
  });
}

function tileOf(
  source: TensorSource,
  target: Encoding,
  entries: readonly TileEntry[],
): TileParams | undefined {
  if (!isTiled(target)) return undefined;
  const { name, rows, cols, encoding } = source;
  const wanted = findTile(entries, rows, cols);
  const kept = encoding === target ? source.tile : undefined;
  const problem = wanted && tileProblem(target, rows, cols, wanted);
  try {
    if (problem !== undefined) throw new UnsupportedError(`--tl-tiles do not fit: ${problem}`);
    return wanted ?? kept ?? chooseTile(target, rows, cols);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    throw new UnsupportedError(`${name}: ${error.message}`, { hint: "use another --outtype" });
  }
}

/** GGUF files of some families have query and key rows in another order than checkpoints. */
function reorderOf(
  { container, metadata }: ModelSource,
  source: TensorSource,
  rule: TensorRule | undefined,
  outtype: OutType,
): Pick<Job, "reorder"> {
  const toFolder = outtype === "safetensors";
  if (!rule?.heads || (container === "safetensors") === toFolder) return {};
  const family = String(metadata.get("general.architecture")?.value);
  const count = (key: string) => Number(metadata.get(`${family}.attention.${key}`)?.value);
  const heads =
    source.adjacentHeads ?? count(rule.heads === "key" ? "head_count_kv" : "head_count");
  return { reorder: { headDim: source.rows / heads, to: toFolder ? "halves" : "adjacent" } };
}

function addendOf(
  { container }: ModelSource,
  source: TensorSource,
  rule: TensorRule | undefined,
  outtype: OutType,
): Job["addend"] {
  const toFolder = outtype === "safetensors";
  if (!rule?.plusOne || (container === "safetensors") === toFolder) return 0;
  return source.plusOne ? 1 : -1;
}
