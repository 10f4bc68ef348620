import type { Encoding } from "../../src/checkpoint/source.ts";

// Formats of numbers, written plainly: the reference of the addon's conversions.

/** Numbers from the bytes of a format. */
export function decodeNumbers(from: Encoding, bytes: Buffer, count: number): Float64Array {
  const decode = DECODERS[from];
  if (!decode) throw new Error(`no reference decoder for ${from}`);
  return Float64Array.from({ length: count }, (_, i) => decode(bytes, i));
}

const DECODERS: Partial<Record<Encoding, (bytes: Buffer, i: number) => number>> = {
  f32: (bytes, i) => bytes.readFloatLE(4 * i),
  f16: (bytes, i) => halfToNumber(bytes.readUInt16LE(2 * i)),
  bf16: (bytes, i) => bf16ToNumber(bytes.readUInt16LE(2 * i)),
  q8_0: (bytes, i) => {
    const block = 34 * Math.floor(i / 32);
    return halfToNumber(bytes.readUInt16LE(block)) * bytes.readInt8(block + 2 + (i % 32));
  },
};

export function encodeNumbers(to: Encoding, values: Float64Array): Uint8Array {
  if (to === "f32") return new Uint8Array(Float32Array.from(values).buffer);
  if (to === "f16") return new Uint8Array(Uint16Array.from(values, numberToHalf).buffer);
  if (to === "bf16") return new Uint8Array(Uint16Array.from(values, numberToBf16).buffer);
  if (to === "q8_0") return encodeQ8(values);
  throw new Error(`no reference encoder for ${to}`);
}

function encodeQ8(values: Float64Array): Uint8Array {
  const out = Buffer.alloc((values.length / 32) * 34);
  for (let block = 0; block < values.length / 32; block++) {
    const part = values.slice(32 * block, 32 * block + 32);
    const max = part.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    const d = Math.fround(max / 127);
    out.writeUInt16LE(numberToHalf(d), 34 * block);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    for (const [i, w] of part.entries()) {
      const product = Math.fround(w * inverse);
      // Half away from zero, as ggml rounds here.
      const code = Math.sign(product) * Math.floor(Math.abs(product) + 0.5);
      out.writeInt8(code, 34 * block + 2 + i);
    }
  }
  return out;
}

export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

const FLOAT = new Float32Array(1);
const FLOAT_BITS = new Uint32Array(FLOAT.buffer);

export function bf16ToNumber(bits: number): number {
  FLOAT_BITS[0] = bits << 16;
  return FLOAT[0] ?? Number.NaN;
}

function numberToBf16(x: number): number {
  FLOAT[0] = x;
  const bits = FLOAT_BITS[0] ?? 0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function numberToHalf(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(x);
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude || 1)));
  const units = roundHalfEven(magnitude / 2 ** (exponent - 10));
  // A mantissa that rounds up to 2048 carries into the exponent by itself.
  const bits = units < 1024 ? units : units + (exponent + 14) * 1024;
  return sign | Math.min(bits, 0x7c00);
}
