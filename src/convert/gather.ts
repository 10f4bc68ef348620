import { ENCODINGS, rowMultiple } from "../checkpoint/encodings.ts";
import type { ConversionLoss, ConvertRequest } from "../engine/binding.ts";
import { UnsupportedError } from "../errors.ts";
import { addLoss, NO_LOSS } from "./loss.ts";
import { mapAhead } from "./map-ahead.ts";
import type { Job, Reorder } from "./plan.ts";
import { reorderRows } from "./reorder.ts";
import { CODES, CODES_PER_BYTE, CodeRows, cutRows, type RowSource } from "./row-source.ts";

/** Whether a tensor has to pass through codes in memory: one side cannot be cut into blocks of rows, or
 *  not where the other one can, or rows change places that do not lie apart in the file. It is a
 *  quarter of a byte per weight of one tensor. */
export function needsCodes({ source, target, reorder, tile }: Job): boolean {
  const { encoding, rows, cols } = source;
  const from = ENCODINGS[encoding];
  const unit = rowMultiple(target, cols, tile);
  if (unit === undefined) return true;
  if (from.order === "quarters") return reorder !== undefined || (rows / 4) % unit !== 0;
  if (rowMultiple(encoding, cols, source.tile) === undefined) return true;
  return reorder !== undefined && from.scales !== "none";
}

/** Reads a whole tensor as codes with one scale, and puts its rows into the wanted order.
 *  @throws {UnsupportedError} rows of codes that do not fill whole bytes, or a loss that is refused */
export async function gatherCodes(
  source: RowSource,
  scale: number,
  reorder: Reorder | undefined,
  convert: (request: ConvertRequest) => Promise<{ bytes: Uint8Array; loss: ConversionLoss }>,
): Promise<{ rows: RowSource; loss: ConversionLoss }> {
  const { rows, cols } = source;
  if (cols % CODES_PER_BYTE !== 0) {
    throw new UnsupportedError(`columns ${cols} are not a multiple of ${CODES_PER_BYTE}`);
  }
  const rowBytes = cols / CODES_PER_BYTE;
  const codes = Buffer.allocUnsafeSlow(rows * rowBytes);
  let loss = NO_LOSS;
  let at = 0;
  for await (const block of mapAhead(cutRows(source, CODES), async (cut) => {
    const { spec, release } = await source.read(cut.row, cut.rows);
    try {
      return await convert({ ...spec, to: CODES, toScale: scale });
    } finally {
      release();
    }
  })) {
    codes.set(block.bytes, at);
    at += block.bytes.length;
    loss = addLoss(loss, block.loss);
  }
  const ordered = reorder ? reorderRows(codes, rowBytes, reorder) : codes;
  return { rows: new CodeRows(ordered, rows, cols, scale), loss };
}
