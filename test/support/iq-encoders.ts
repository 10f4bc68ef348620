import { numberToHalf } from "./reference-numbers.ts";

// IQ2_BN and IQ1_BN of ik_llama.cpp, which this project reads and does not write: packed here from the
// description of their bytes. Rows are multiples of 64 weights, each -s, 0 or s.

const BLOCK = 64;

/** Rows of f32 scale and blocks of 16 bytes; byte j holds the weights j, j + 16, j + 32 and j + 48. */
export function encodeIq2Bn(weights: Float32Array, cols: number): Uint8Array {
  return encodeRows(weights, cols, 4, (scale, out) => out.writeFloatLE(scale), packQuarters);
}

/** Rows of f16 scale and blocks of 13 bytes: five trits to a byte, every sixteenth weight apart. */
export function encodeIq1Bn(weights: Float32Array, cols: number): Uint8Array {
  const writeScale = (scale: number, out: Buffer) => out.writeUInt16LE(numberToHalf(scale));
  return encodeRows(weights, cols, 2, writeScale, packFives);
}

function encodeRows(
  weights: Float32Array,
  cols: number,
  scaleBytes: number,
  writeScale: (scale: number, out: Buffer) => void,
  packBlock: (codes: readonly number[]) => readonly number[],
): Uint8Array {
  const parts: Buffer[] = [];
  for (let begin = 0; begin < weights.length; begin += cols) {
    const row = weights.subarray(begin, begin + cols);
    const scale = row.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    const header = Buffer.alloc(scaleBytes);
    writeScale(scale, header);
    parts.push(header);
    for (let at = 0; at < cols; at += BLOCK) {
      const codes = Array.from(row.subarray(at, at + BLOCK), (w) => Math.sign(w) + 1);
      parts.push(Buffer.from(packBlock(codes)));
    }
  }
  return Buffer.concat(parts);
}

function packQuarters(codes: readonly number[]): readonly number[] {
  return Array.from({ length: 16 }, (_, j) =>
    [0, 16, 32, 48].reduce((byte, from, i) => byte | ((codes[from + j] ?? 0) << (2 * i)), 0),
  );
}

function packFives(codes: readonly number[]): readonly number[] {
  const groups = [0, 16, 32, 48].map((begin) => codes.slice(begin, begin + 16));
  const fives = groups.flatMap((group) => [0, 5, 10].map((at) => baseThree(group, at)));
  return [
    ...fives,
    baseThree(
      groups.map((group) => group[15] ?? 0),
      0,
    ),
  ];
}

/** Up to five trits, the first the least significant. */
function baseThree(codes: readonly number[], at: number): number {
  const index = [81, 27, 9, 3, 1].reduce((sum, power, i) => {
    return sum + power * (codes[at + 4 - i] ?? 0);
  }, 0);
  return Math.floor((256 * index + 242) / 243);
}
