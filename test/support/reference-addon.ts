import { payloadBytes } from "../../src/checkpoint/encodings.ts";
import type { Encoding } from "../../src/checkpoint/source.ts";
import type { Addon, ConvertRowsRequest, RowsRequest } from "../../src/engine/binding.ts";

/** The conversions of the native addon, written plainly and apart from it: slow, for small tensors.
 *  Q6_K is left out. `calls` counts them. */
export function referenceAddon(): Pick<Addon, "convertRows" | "absSum" | "ternaryCheck"> & {
  readonly calls: { convertRows: number; absSum: number; ternaryCheck: number };
} {
  const calls = { convertRows: 0, absSum: 0, ternaryCheck: 0 };
  return {
    calls,
    convertRows: async (request) => {
      calls.convertRows++;
      return convertRows(request);
    },
    absSum: async (request) => {
      calls.absSum++;
      return weights(request, 1).reduce((sum, w) => sum + Math.abs(w), 0);
    },
    ternaryCheck: async (request) => {
      calls.ternaryCheck++;
      const all = weights(request, 1);
      const max = all.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
      return { max, ternary: all.every((w) => w === 0 || Math.abs(w) === max) };
    },
  };
}

function convertRows(request: ConvertRowsRequest): Uint8Array {
  const { from, to, rows, cols, data, scale, quarter } = request;
  const expected = from === "hf_packed" ? rows * cols : payloadBytes(from, rows, cols);
  if (data.length !== expected) throw new Error(`${data.length} bytes instead of ${expected}`);
  if (quarter !== undefined && from !== "hf_packed") throw new Error(`${from} has no quarters`);
  if (isTernary(to)) {
    const codes = isTernary(from)
      ? ternaryCodes(request)
      : Uint8Array.from(weights(request, 1), (w) => ternarise(w / scale));
    return packCodes(to, codes, cols);
  }
  return encode(to, weights(request, scale));
}

function isTernary(encoding: Encoding): boolean {
  return encoding.startsWith("i2_s") || encoding === "hf_packed";
}

function ternarise(ratio: number): number {
  return Math.max(-1, Math.min(1, roundHalfEven(ratio))) + 1;
}

function ternaryCodes(request: RowsRequest & { quarter?: number }): Uint8Array {
  const { from, rows, cols, data, quarter } = request;
  const codes = new Uint8Array(rows * cols);
  for (let e = 0; e < rows * cols; e++) {
    const [byte, shift] = from === "hf_packed" ? [e, 2 * (quarter ?? 0)] : place(from, e, cols);
    const code = ((data[byte] ?? 0) >> shift) & 3;
    if (code === 3) throw new Error("invalid code");
    codes[e] = code;
  }
  return codes;
}

/** Byte and bit position of a code, by the closed formulas of the format description. */
function place(encoding: Encoding, e: number, cols: number): [byte: number, shift: number] {
  const row = Math.floor(e / cols);
  switch (encoding) {
    case "i2_s":
      return [32 * Math.floor(e / 128) + (e % 32), 6 - 2 * Math.floor((e % 128) / 32)];
    case "i2_s_group64":
      return [16 * Math.floor(e / 64) + (e % 16), 6 - 2 * Math.floor((e % 64) / 16)];
    case "i2_s_row4":
      return [Math.floor(row / 4) * cols + (e % cols), 6 - 2 * (row % 4)];
    case "i2_s_seq_hi":
      return [Math.floor(e / 4), 6 - 2 * (e % 4)];
    case "i2_s_seq_lo":
      return [Math.floor(e / 4), 2 * (e % 4)];
    default:
      throw new Error(`${encoding} is not an I2_S layout`);
  }
}

function packCodes(to: Encoding, codes: Uint8Array, cols: number): Uint8Array {
  const bytes = new Uint8Array(payloadBytes(to, codes.length / cols, cols) ?? 0);
  for (const [e, code] of codes.entries()) {
    const [byte, shift] = place(to, e, cols);
    bytes[byte] = (bytes[byte] ?? 0) | (code << shift);
  }
  return bytes;
}

/** The weights as numbers; `scale` applies to ternary input. */
function weights(request: RowsRequest, scale: number): Float64Array {
  const { from, rows, cols, data } = request;
  if (isTernary(from)) {
    return Float64Array.from(ternaryCodes(request), (code) => Math.fround((code - 1) * scale));
  }
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const decode = DECODERS[from];
  if (!decode) throw new Error(`no reference decoder for ${from}`);
  const out = new Float64Array(rows * cols);
  for (let i = 0; i < out.length; i++) out[i] = decode(bytes, i);
  return out;
}

const DECODERS: Partial<Record<Encoding, (bytes: Buffer, i: number) => number>> = {
  f32: (bytes, i) => bytes.readFloatLE(4 * i),
  f16: (bytes, i) => halfToNumber(bytes.readUInt16LE(2 * i)),
  bf16: (bytes, i) => bf16ToNumber(bytes.readUInt16LE(2 * i)),
};

function encode(to: Encoding, values: Float64Array): Uint8Array {
  if (to === "f32") return new Uint8Array(Float32Array.from(values).buffer);
  if (to === "f16") return new Uint8Array(Uint16Array.from(values, numberToHalf).buffer);
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
