import { greatestDivisor, payloadBytes, rowMultiple } from "../checkpoint/encodings.ts";
import type { Encoding, TensorSource } from "../checkpoint/source.ts";
import type { RowsSpec } from "../engine/binding.ts";
import { type OpenFile, readFully } from "../gguf/files.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { Reorder } from "./plan.ts";
import { reorderRows } from "./reorder.ts";

/** How the bytes of a tensor are read, in every block of it. */
export type Reading = Omit<RowsSpec, "rows" | "data" | "quarter">;

/** A block of rows; `release` gives its bytes back. */
export interface ReadRows {
  readonly spec: RowsSpec;
  release(): void;
}

/** The rows of a tensor in the order in which they are wanted. */
export interface RowSource {
  readonly rows: number;
  readonly cols: number;
  /** Blocks begin at multiples of this. */
  readonly unit: number;
  /** Blocks do not cross multiples of this. */
  readonly fence: number;
  readonly encoding: Encoding;
  read(row: number, rows: number): Promise<ReadRows>;
}

/** The layout in which the rows of a matrix lie apart from one another. */
export const CODES: Encoding = "i2_s_seq_hi";
export const CODES_PER_BYTE = 4;

const QUARTERS = 4;

/** Something to add to the rows of a matrix of masters. */
export interface RowsUpdate {
  /** The block of rows that begins with row `first` of the file, with the addition, as f32. */
  applyTo(spec: RowsSpec, first: number): Promise<RowsSpec>;
}

export interface FileRowsOptions {
  readonly reorder?: Reorder | undefined;
  readonly update?: RowsUpdate | undefined;
}

/** Rows in a file. Packed ones come quarter by quarter, so that their bytes are passed over four times;
 *  tiles that cannot be cut come as one block. */
export class FileRows implements RowSource {
  readonly rows: number;
  readonly cols: number;
  readonly unit: number;
  readonly fence: number;
  readonly encoding: Encoding;
  readonly #file: OpenFile;
  readonly #offset: number;
  readonly #reading: Reading;
  readonly #pool: BufferPool;
  readonly #options: FileRowsOptions;

  constructor(
    file: OpenFile,
    source: TensorSource,
    reading: Reading,
    pool: BufferPool,
    options: FileRowsOptions = {},
  ) {
    const { rows, cols, encoding, offset, tile } = source;
    const isPacked = encoding === "hf_packed";
    this.rows = rows;
    this.cols = cols;
    this.encoding = encoding;
    this.fence = isPacked ? rows / QUARTERS : rows;
    const multiple = isPacked ? 1 : (rowMultiple(encoding, cols, tile) ?? rows);
    this.unit = leastMultiple(multiple, options.reorder?.headDim ?? 1);
    this.#file = file;
    this.#offset = offset;
    this.#reading = reading;
    this.#pool = pool;
    this.#options = options;
  }

  async read(row: number, rows: number): Promise<ReadRows> {
    const { cols, encoding, fence } = this;
    const isPacked = encoding === "hf_packed";
    const [begin, bytes] = isPacked
      ? [(row % fence) * cols, rows * cols]
      : [row === 0 ? 0 : size(encoding, row, cols), size(encoding, rows, cols)];
    const loan = this.#pool.take(bytes);
    try {
      await readFully(this.#file, loan.bytes, this.#offset + begin);
    } catch (error) {
      loan.release();
      throw error;
    }
    const quarter = isPacked ? { quarter: Math.floor(row / fence) } : {};
    const stored = { ...this.#reading, rows, data: loan.bytes, ...quarter };
    try {
      return { spec: await this.#prepare(stored, row), release: loan.release };
    } catch (error) {
      loan.release();
      throw error;
    }
  }

  async #prepare(stored: RowsSpec, row: number): Promise<RowsSpec> {
    const { reorder, update } = this.#options;
    const spec = update ? await update.applyTo(stored, row) : stored;
    if (!reorder) return spec;
    return { ...spec, data: reorderRows(spec.data, spec.data.length / spec.rows, reorder) };
  }
}

/** Codes of a whole tensor in memory, two bits each. */
export class CodeRows implements RowSource {
  readonly rows: number;
  readonly cols: number;
  readonly unit = 1;
  readonly fence: number;
  readonly encoding: Encoding = CODES;
  readonly #codes: Uint8Array;
  readonly #scale: number;

  /** `codes` are [rows, cols / 4] bytes in the layout `CODES`. */
  constructor(codes: Uint8Array, rows: number, cols: number, scale: number) {
    this.rows = rows;
    this.cols = cols;
    this.fence = rows;
    this.#codes = codes;
    this.#scale = scale;
  }

  async read(row: number, rows: number): Promise<ReadRows> {
    const rowBytes = this.cols / CODES_PER_BYTE;
    const data = this.#codes.subarray(row * rowBytes, (row + rows) * rowBytes);
    const spec = { from: CODES, rows, cols: this.cols, data, scale: this.#scale };
    return { spec, release: () => undefined };
  }
}

/** Input or output bytes of a block, whichever are more: enough to hide the cost per call, little
 *  enough that a dozen of them in flight stay far below 200 MB. */
const BLOCK_BYTES = 8 * 1024 * 1024;

/** A block: `rows` rows from `row` on. */
export interface Cut {
  readonly row: number;
  readonly rows: number;
}

/** Cuts rows into blocks that begin at multiples of `unit`. The cuts depend on the shapes alone, so that
 *  sums over blocks come out the same on every machine. */
export function cutRows(
  { rows, cols, fence, encoding, unit: own }: RowSource,
  target: Encoding,
  unit = 1,
  blockBytes = BLOCK_BYTES,
): readonly Cut[] {
  const step = leastMultiple(own, unit);
  const widest = Math.max(averageRowBytes(encoding, cols), averageRowBytes(target, cols));
  const wanted = Math.max(step, Math.floor(blockBytes / widest / step) * step);
  const cuts: Cut[] = [];
  for (let row = 0; row < rows; ) {
    const end = Math.min(row + wanted, rows, (Math.floor(row / fence) + 1) * fence);
    cuts.push({ row, rows: end - row });
    row = end;
  }
  return cuts;
}

/** Of a packed row, the bytes that one pass reads: one for every weight. */
function averageRowBytes(encoding: Encoding, cols: number): number {
  if (encoding === "hf_packed") return cols;
  // A number of rows that fills whole blocks of every encoding.
  const rows = 256;
  return size(encoding, rows, cols) / rows;
}

function size(encoding: Encoding, rows: number, cols: number): number {
  const bytes = payloadBytes(encoding, rows, cols);
  if (bytes === undefined) throw new Error(`${encoding} cannot be cut into ${rows} x ${cols}`);
  return bytes;
}

export function leastMultiple(a: number, b: number): number {
  return (a / greatestDivisor(a, b)) * b;
}
