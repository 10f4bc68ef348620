import { availableParallelism } from "node:os";
import { payloadBytes } from "../checkpoint/encodings.ts";
import type { Encoding, TensorSource } from "../checkpoint/source.ts";
import { type OpenFile, readFully } from "../gguf/files.ts";
import { I2_S_BLOCK_ELEMS } from "./plan.ts";

/** Input or output bytes of a block, whichever are more: enough to hide the cost per call, little
 *  enough that a dozen of them in flight stay far below 200 MB. */
const BLOCK_BYTES = 8 * 1024 * 1024;

/** One layout of I2_S keeps four adjacent rows in one byte. */
const ROW_QUAD = 4;
const QUARTERS = 4;

/** Blocks converted at the same time. Node's thread pool has four threads; one is left to files. */
export const BLOCKS_AT_ONCE = Math.min(3, availableParallelism());

/** Besides those, one block is being read and one written. */
const RING_BLOCKS = BLOCKS_AT_ONCE + 2;

/** Whole rows of a tensor, converted in one call. */
export interface Block {
  readonly rows: number;
  /** Absolute byte range in the source file. */
  readonly offset: number;
  readonly bytes: number;
  /** For `hf_packed`: the row quarter that this pass over the bytes takes. */
  readonly quarter?: number;
}

/** Cuts a tensor into blocks of rows, in the order of its output. A packed tensor is passed over four
 *  times, once for each row quarter. The cuts depend on the shapes alone, so that sums over blocks
 *  come out the same on every machine. */
export function blocksOf(
  source: TensorSource,
  target: Encoding,
  blockBytes = BLOCK_BYTES,
): readonly Block[] {
  const step = rowsPerBlock(source, target, blockBytes);
  if (source.encoding !== "hf_packed") return cut(source, source.rows, step);
  const blocks = cut(source, source.rows / QUARTERS, step);
  return [0, 1, 2, 3].flatMap((quarter) => blocks.map((block) => ({ ...block, quarter })));
}

function cut({ cols, encoding, offset }: TensorSource, allRows: number, step: number): Block[] {
  const blocks: Block[] = [];
  let at = offset;
  for (let row = 0; row < allRows; row += step) {
    const rows = Math.min(step, allRows - row);
    const bytes = inputBytes(encoding, rows, cols);
    blocks.push({ rows, offset: at, bytes });
    at += bytes;
  }
  return blocks;
}

function rowsPerBlock(source: TensorSource, target: Encoding, blockBytes: number): number {
  const { cols, encoding } = source;
  const isTernary = [encoding, target].some((name) => name.startsWith("i2_s"));
  const unit = isTernary || source.quantise ? rowUnit(cols) : 1;
  // Per row on average: with I2_S a single row may end within a byte.
  const rowBytes =
    Math.max(inputBytes(encoding, unit, cols), inputBytes(target, unit, cols)) / unit;
  return Math.max(unit, Math.floor(blockBytes / rowBytes / unit) * unit);
}

/** The smallest number of rows that fills whole blocks of every I2_S layout. */
function rowUnit(cols: number): number {
  let unit = ROW_QUAD;
  while ((unit * cols) % I2_S_BLOCK_ELEMS !== 0) unit += ROW_QUAD;
  return unit;
}

function inputBytes(encoding: Encoding, rows: number, cols: number): number {
  // One pass over a packed tensor takes one 2-bit field of every byte.
  if (encoding === "hf_packed") return rows * cols;
  return payloadBytes(encoding, rows, cols) ?? 0;
}

/** Reads blocks one ahead of their use. A block's bytes stay valid until `BLOCKS_AT_ONCE` further
 *  blocks have been asked for. */
export class BlockReader {
  readonly #ring: Buffer[] = [];
  #turn = 0;

  async *read(
    file: OpenFile,
    blocks: readonly Block[],
  ): AsyncGenerator<{ readonly block: Block; readonly data: Uint8Array }> {
    let ahead: Promise<Uint8Array> | undefined;
    try {
      for (const [i, block] of blocks.entries()) {
        const data = await (ahead ?? this.#fetch(file, block));
        const next = blocks[i + 1];
        ahead = next && this.#fetch(file, next);
        yield { block, data };
      }
    } finally {
      await ahead?.catch(() => undefined);
    }
  }

  #fetch(file: OpenFile, block: Block): Promise<Uint8Array> {
    const data = this.#buffer(block.bytes);
    const done = readFully(file, data, block.offset).then(() => data);
    // A failure is reported when the block's turn comes; until then it is not unhandled.
    done.catch(() => undefined);
    return done;
  }

  #buffer(bytes: number): Buffer {
    this.#turn = (this.#turn + 1) % RING_BLOCKS;
    let buffer = this.#ring[this.#turn];
    if (!buffer || buffer.length < bytes) buffer = Buffer.allocUnsafeSlow(bytes);
    this.#ring[this.#turn] = buffer;
    return buffer.subarray(0, bytes);
  }
}
