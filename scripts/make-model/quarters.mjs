// One row quarter of a packed tensor in other forms.
import { PACKED_BYTES, toBf16, toHalf } from "./weights.mjs";

/** I2_S bytes of one row quarter of a packed tensor: 128 consecutive codes in 32 bytes, the first 32
 *  of them in the highest bits. Four codes are moved at a time.
 *  @param {Uint8Array} packed a multiple of 128 bytes @param {number} quarter
 *  @returns {Uint8Array} */
export function quarterToI2s(packed, quarter) {
  if (packed.length % 128 !== 0) throw new Error("I2_S needs multiples of 128 weights");
  const codes = new Uint32Array(packed.buffer, packed.byteOffset, packed.length / 4);
  const out = new Uint32Array(packed.length / 16);
  const shift = 2 * quarter;
  const field = 0x03030303;
  for (let from = 0, to = 0; from < codes.length; from += 24) {
    for (let end = to + 8; to < end; to++, from++) {
      out[to] =
        (((codes[from] >>> shift) & field) << 6) |
        (((codes[from + 8] >>> shift) & field) << 4) |
        (((codes[from + 16] >>> shift) & field) << 2) |
        ((codes[from + 24] >>> shift) & field);
    }
  }
  return new Uint8Array(out.buffer);
}

/** Master weights (bf16) of one row quarter whose absmean ternarisation gives back the packed trits.
 *  Magnitudes spread over 0 .. 0.3 for zeros and 0.9 .. 2 for the others, in units that put the mean
 *  near `scale` and half of it well between the two.
 *  @param {Uint8Array} packed @param {number} quarter @param {number} scale
 *  @returns {Uint16Array} */
export function quarterToMasters(packed, quarter, scale) {
  const mean = (0.15 + 2 * 1.45) / 3;
  const table = new Uint16Array(256);
  for (const [i, byte] of PACKED_BYTES.entries()) {
    const trit = ((byte >> (2 * quarter)) & 3) - 1;
    // The other three codes of the byte choose among 27 magnitudes.
    const step = ((i * 31) % 81) / 81;
    const magnitude = trit === 0 ? 0.3 * (2 * step - 1) : trit * (0.9 + 1.1 * step);
    table[byte] = toBf16((magnitude * scale) / mean);
  }
  const out = new Uint16Array(packed.length);
  for (let i = 0; i < packed.length; i++) out[i] = table[packed[i]];
  return out;
}

/** The same rows as f16 numbers: trits times a scale for every `group` neighbours, near `scale`, that takes
 *  all bits of f16.
 *  @param {Uint8Array} packed @param {number} quarter @param {number} cols
 *  @param {{ scale: number, group: number }} scales @returns {Uint16Array} */
export function quarterToNumbers(packed, quarter, cols, { scale, group }) {
  const base = 2 ** Math.round(Math.log2(scale));
  const halves = Uint16Array.from({ length: 8 }, (_, i) =>
    toHalf(base * (0.75 + i / 16 + 2 ** -10)),
  );
  const out = new Uint16Array(packed.length);
  const groups = cols / group;
  for (let i = 0; i < packed.length; i++) {
    const trit = ((packed[i] >> (2 * quarter)) & 3) - 1;
    const row = Math.floor(i / cols);
    const step = (row * groups + Math.floor((i % cols) / group)) * 5 + quarter;
    out[i] = trit === 0 ? 0 : (halves[step % 8] ?? 0) | (trit < 0 ? 0x8000 : 0);
  }
  return out;
}
