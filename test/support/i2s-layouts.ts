import type { GgufTensor } from "../../src/gguf/types.ts";

/** Where the code of weight `e` (of row `m`, column `k`, of `cols` columns) is: byte and shift. */
type Place = (
  e: number,
  m: number,
  k: number,
  cols: number,
) => readonly [byte: number, shift: number];

function grouped(size: number): Place {
  const quarter = size / 4;
  return (e) => {
    const within = e % size;
    const shift = 6 - 2 * Math.floor(within / quarter);
    return [quarter * Math.floor(e / size) + (within % quarter), shift];
  };
}

/** The five layouts that go by the name I2_S, written down apart from the code under test. */
export const PLACES = {
  group128: grouped(128),
  group64: grouped(64),
  row4: (_e, m, k, cols) => [Math.floor(m / 4) * cols + k, 6 - 2 * (m % 4)],
  seq_hi: (e) => [e >> 2, 6 - 2 * (e & 3)],
  seq_lo: (e) => [e >> 2, 2 * (e & 3)],
} as const satisfies Readonly<Record<string, Place>>;
export type LayoutName = keyof typeof PLACES;
export const LAYOUTS = Object.keys(PLACES) as readonly LayoutName[];

/** The bytes of an I2_S tensor of the usual layout in another one; its scale stays where it is. */
export function inLayout({ dims, type }: GgufTensor, bytes: Buffer, layout: LayoutName): Buffer {
  if (type.name !== "I2_S") return bytes;
  const [cols = 1, rows = 1] = dims;
  const [from, to]: readonly Place[] = [PLACES.group128, PLACES[layout]];
  const out = Buffer.from(bytes);
  out.fill(0, 0, (rows * cols) / 4);
  for (let e = 0, m = 0; m < rows; m++) {
    for (let k = 0; k < cols; k++, e++) {
      const [source, down] = from?.(e, m, k, cols) ?? [0, 0];
      const [target, up] = to?.(e, m, k, cols) ?? [0, 0];
      const code = ((bytes[source] ?? 0) >> down) & 3;
      out[target] = (out[target] ?? 0) | (code << up);
    }
  }
  return out;
}
