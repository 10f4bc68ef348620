import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One tensor, decoded to doubles; `bytes` keeps what the file holds. */
export interface TestTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Buffer;
  readonly values: Float64Array;
}

/** Reads every `*.safetensors` of a directory whole. For small fixtures: nothing is checked. */
export function readSafetensorsDir(dir: string): Map<string, TestTensor> {
  const tensors = new Map<string, TestTensor>();
  for (const file of readdirSync(dir).sort()) {
    if (!file.endsWith(".safetensors")) continue;
    for (const [name, tensor] of readSafetensors(join(dir, file))) tensors.set(name, tensor);
  }
  return tensors;
}

export function readSafetensors(path: string): Map<string, TestTensor> {
  const raw = readFileSync(path);
  const headerBytes = Number(raw.readBigUInt64LE(0));
  const data = raw.subarray(8 + headerBytes);
  const header = JSON.parse(raw.toString("utf8", 8, 8 + headerBytes)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, TestTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { dtype, shape } = entry;
    const bytes = data.subarray(...entry.data_offsets);
    tensors.set(name, { dtype, shape, bytes, values: decode(dtype, bytes) });
  }
  return tensors;
}

function decode(dtype: string, bytes: Buffer): Float64Array {
  switch (dtype) {
    case "U8":
      return Float64Array.from(bytes);
    case "F32":
      return fill(bytes.length / 4, (i) => bytes.readFloatLE(4 * i));
    case "F16":
      return fill(bytes.length / 2, (i) => halfToNumber(bytes.readUInt16LE(2 * i)));
    case "BF16":
      return fill(bytes.length / 2, (i) => bf16ToNumber(bytes.readUInt16LE(2 * i)));
    default:
      throw new Error(`no test decoder for ${dtype}`);
  }
}

function fill(length: number, at: (i: number) => number): Float64Array {
  const out = new Float64Array(length);
  for (let i = 0; i < length; i++) out[i] = at(i);
  return out;
}

const word = new DataView(new ArrayBuffer(4));

function bf16ToNumber(bits: number): number {
  word.setUint16(2, bits, true);
  word.setUint16(0, 0, true);
  return word.getFloat32(0, true);
}

/** IEEE 754 binary16. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
