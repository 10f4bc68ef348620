import type { Reorder } from "./plan.ts";

/** A copy of whole heads with their rows in the other order. */
export function reorderRows(
  data: Uint8Array,
  rowBytes: number,
  { headDim, to }: Reorder,
): Uint8Array {
  const out = Buffer.allocUnsafe(data.length);
  const half = headDim / 2;
  for (let row = 0; row * rowBytes < data.length; row++) {
    const inHead = row % headDim;
    // The row in rotate-half order (j, i) and the one in adjacent-pair order (i, j).
    const adjacent = row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
    const [from, at] = to === "adjacent" ? [row, adjacent] : [adjacent, row];
    out.set(data.subarray(from * rowBytes, (from + 1) * rowBytes), at * rowBytes);
  }
  return out;
}
