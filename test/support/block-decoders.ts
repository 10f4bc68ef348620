import { halfToNumber } from "./reference-numbers.ts";

// Blocks of quantised numbers, decoded from the description of their bytes. All products are exact, also in
// single precision; where two are subtracted, the result is rounded once.

export interface BlockFormat {
  readonly blockElems: number;
  readonly blockBytes: number;
  /** Where the f16 numbers of a block lie. */
  readonly halves: readonly number[];
  readonly decode: (block: Buffer) => readonly number[];
}

const half = (block: Buffer, at: number): number => halfToNumber(block.readUInt16LE(at));
const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);

export const BLOCK_FORMATS = {
  q8_0: {
    blockElems: 32,
    blockBytes: 34,
    halves: [0],
    decode: (block) => range(32).map((j) => half(block, 0) * block.readInt8(2 + j)),
  },
  q4_0: {
    blockElems: 32,
    blockBytes: 18,
    halves: [0],
    decode: (block) =>
      range(32).map((j) => {
        const byte = block.readUInt8(2 + (j % 16));
        return half(block, 0) * ((j < 16 ? byte & 15 : byte >> 4) - 8);
      }),
  },
  q5_0: {
    blockElems: 32,
    blockBytes: 22,
    halves: [0],
    decode: (block) =>
      range(32).map((j) => {
        const byte = block.readUInt8(6 + (j % 16));
        const fifth = (block.readUInt32LE(2) >>> j) & 1;
        return half(block, 0) * (((j < 16 ? byte & 15 : byte >> 4) | (fifth << 4)) - 16);
      }),
  },
  q4_k: { blockElems: 256, blockBytes: 144, halves: [0, 2], decode: decodeQ4K },
  q6_k: { blockElems: 256, blockBytes: 210, halves: [208], decode: decodeQ6K },
} as const satisfies Readonly<Record<string, BlockFormat>>;

/** The numbers of a tensor. */
export function decodeBlocks(format: BlockFormat, bytes: Buffer): Float32Array {
  const { blockBytes, decode } = format;
  const blocks = range(bytes.length / blockBytes);
  return Float32Array.from(
    blocks.flatMap((i) => decode(bytes.subarray(i * blockBytes, (i + 1) * blockBytes))),
  );
}

/** Eight groups of 32: d * scale * code - dmin * min, with six bits each for scales and minima. */
function decodeQ4K(block: Buffer): number[] {
  const packed = block.subarray(4, 16);
  const scaleOf = (j: number): readonly [scale: number, min: number] => {
    const byte = (i: number): number => packed.readUInt8(i);
    if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
    return [
      (byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4),
      (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4),
    ];
  };
  return range(256).map((i) => {
    const group = Math.floor(i / 32);
    const [scale, min] = scaleOf(group);
    const byte = block.readUInt8(16 + Math.floor(i / 64) * 32 + (i % 32));
    const code = group % 2 === 0 ? byte & 15 : byte >> 4;
    return half(block, 0) * scale * code - half(block, 2) * min;
  });
}

/** Sixteen groups of 16: d * scale * (code - 32), codes of six bits in two places. */
function decodeQ6K(block: Buffer): number[] {
  const d = half(block, 208);
  return range(256).map((i) => {
    const part = Math.floor(i / 128);
    const quarter = Math.floor((i % 128) / 32);
    const l = i % 32;
    const low = block.readUInt8(64 * part + 32 * (quarter % 2) + l);
    const high = block.readUInt8(128 + 32 * part + l);
    const code = (quarter < 2 ? low & 15 : low >> 4) | (((high >> (2 * quarter)) & 3) << 4);
    const scale = block.readInt8(192 + 8 * part + 2 * quarter + Math.floor(l / 16));
    return d * scale * (code - 32);
  });
}
