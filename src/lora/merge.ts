import type { ModelSource, TensorSource } from "../checkpoint/source.ts";
import type { Addon, AddonAdapter, AddonTensor, RowsSpec } from "../engine/binding.ts";
import type { Adapters } from "../engine/model.ts";
import { fromNative, ModelFormatError, UnsupportedError } from "../errors.ts";
import { openFile, readFully } from "../gguf/files.ts";

/** What adapters add to one matrix. */
export interface MatrixUpdate {
  /** Adds to rows [n, cols] that begin with row `first` of the matrix, in the order of its file. Sums
   *  run in double precision; each weight is rounded once. */
  addTo(rows: Float32Array, first: number): void;
  /** The same for rows in any float encoding; gives them as f32. */
  applyTo(spec: RowsSpec, first: number): Promise<RowsSpec>;
}

/** Adapters as additions to the master weights of a model, one matrix at a time: W + scale * B . A,
 *  which then becomes ternary as W itself would have. */
export class AdapterMerge {
  readonly #adapters: Adapters;
  readonly #targets: ReadonlyMap<string, TensorSource>;
  readonly #addon: Pick<Addon, "convert">;

  /** @throws {ModelFormatError} a matrix that the model does not have, or of another shape
   *  @throws {UnsupportedError} weights that are not masters: in ternary ones, nearly all of a small
   *    change would be rounded away */
  constructor(adapters: Adapters, model: ModelSource, addon: Pick<Addon, "convert">) {
    const tensors = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
    this.#targets = new Map(adapters.updates.map((one) => [one.target, check(one, tensors)]));
    this.#adapters = adapters;
    this.#addon = addon;
  }

  /** Whether something is added to a matrix. */
  changes(name: string): boolean {
    return this.#targets.has(name);
  }

  /** Reads what is added to a matrix; undefined for those that stay as they are. */
  async updateOf(name: string): Promise<MatrixUpdate | undefined> {
    const matrix = this.#targets.get(name);
    if (!matrix) return undefined;
    const updates: LowRank[] = [];
    for (const adapter of this.#adapters.updates) {
      if (adapter.target === name) updates.push(await this.#read(adapter, matrix));
    }
    const addTo: MatrixUpdate["addTo"] = (rows, first) => {
      addAll(updates, rows, first, matrix.cols);
    };
    const applyTo: MatrixUpdate["applyTo"] = async (spec, first) => {
      const { from, rows, cols, data } = spec;
      const floats = await this.#toF32({ from, rows, cols, data });
      addTo(floats, first);
      return { ...spec, from: "f32", data: new Uint8Array(floats.buffer) };
    };
    return { addTo, applyTo };
  }

  async #read({ a, b, scale }: AddonAdapter, matrix: TensorSource): Promise<LowRank> {
    const rank = Math.ceil(a.rows / RANKS_AT_ONCE) * RANKS_AT_ONCE;
    const down = new Float32Array(rank * a.cols);
    down.set(await this.#floats(a));
    const stored = await this.#floats(b);
    const up = new Float64Array(b.rows * rank);
    for (let row = 0; row < b.rows; row++) {
      // Through the order of the engine, which both are described by.
      const from = fileRow(b, engineRow(matrix, row));
      for (let i = 0; i < b.cols; i++) {
        up[row * rank + i] = scale * (stored[from * b.cols + i] as number);
      }
    }
    return { rank, a: down, b: up };
  }

  async #floats({ name, encoding, rows, cols, file, offset, bytes }: AddonTensor) {
    await using opened = await openFile(this.#adapters.files[file] ?? "");
    const data = new Uint8Array(bytes);
    await readFully(opened, data, offset);
    const floats = await this.#toF32({ from: encoding, rows, cols, data });
    if (floats.every(Number.isFinite)) return floats;
    throw new ModelFormatError(`tensor ${name} holds a value that is not a finite number`);
  }

  async #toF32(spec: RowsSpec): Promise<Float32Array> {
    const converted = await this.#addon.convert({ ...spec, to: "f32" }).catch((error: unknown) => {
      throw fromNative(error);
    });
    // A copy: native bytes are a Buffer, at any alignment.
    return new Float32Array(new Uint8Array(converted.bytes).buffer);
  }
}

const RANKS_AT_ONCE = 4;

interface LowRank {
  /** A multiple of RANKS_AT_ONCE; what the adapter does not have is 0. */
  readonly rank: number;
  /** [rank, cols] */
  readonly a: Float32Array;
  /** [rows, rank], in the order of the matrix's file, scale included. */
  readonly b: Float64Array;
}

function check(
  { target, a, b }: AddonAdapter,
  tensors: ReadonlyMap<string, TensorSource>,
): TensorSource {
  const matrix = tensors.get(target);
  if (!matrix) {
    throw new ModelFormatError(`the adapter changes ${target}, which this model does not have`);
  }
  const { rows, cols, encoding, quantise } = matrix;
  if (a.cols !== cols || b.rows !== rows || b.cols !== a.rows) {
    throw new ModelFormatError(
      `an adapter of [${b.rows}, ${b.cols}] x [${a.rows}, ${a.cols}] does not fit ${target} [${rows}, ${cols}]`,
    );
  }
  if (quantise === undefined) {
    throw new UnsupportedError(`${target} (${encoding}) is not a matrix of master weights`, {
      hint: "name the checkpoint with the bf16 master weights; or apply the adapter with --lora",
    });
  }
  return matrix;
}

function addAll(
  updates: readonly LowRank[],
  rows: Float32Array,
  first: number,
  cols: number,
): void {
  const sums = new Float64Array(cols);
  for (let begin = 0, row = first; begin < rows.length; begin += cols, row++) {
    const weights = rows.subarray(begin, begin + cols);
    sums.set(weights);
    for (const { rank, a, b } of updates) {
      for (let i = 0; i < rank; i += RANKS_AT_ONCE) addFour(sums, b, row * rank + i, a, i * cols);
    }
    weights.set(sums);
  }
}

/** sums += b[0..4) . a[0..4): four rows of `a` at once, else the sums' own loads and stores take most
 *  of the time. */
function addFour(
  sums: Float64Array,
  b: Float64Array,
  bBegin: number,
  a: Float32Array,
  aBegin: number,
): void {
  const n = sums.length;
  const b0 = b[bBegin] as number;
  const b1 = b[bBegin + 1] as number;
  const b2 = b[bBegin + 2] as number;
  const b3 = b[bBegin + 3] as number;
  for (let k = 0, at = aBegin; k < n; k++, at++) {
    sums[k] =
      (sums[k] as number) +
      b0 * (a[at] as number) +
      b1 * (a[at + n] as number) +
      b2 * (a[at + 2 * n] as number) +
      b3 * (a[at + 3 * n] as number);
  }
}

type Ordered = Pick<AddonTensor, "rows" | "adjacentHeads">;

/** Row of the file that holds row `row` of the engine's order, see `AddonTensor.adjacentHeads`. */
function fileRow({ rows, adjacentHeads }: Ordered, row: number): number {
  if (!adjacentHeads) return row;
  const d = rows / adjacentHeads;
  const within = row % d;
  return row - within + 2 * (within % (d / 2)) + Math.floor(within / (d / 2));
}

/** The inverse of `fileRow`. */
function engineRow({ rows, adjacentHeads }: Ordered, row: number): number {
  if (!adjacentHeads) return row;
  const d = rows / adjacentHeads;
  const within = row % d;
  return row - within + (within % 2) * (d / 2) + Math.floor(within / 2);
}
