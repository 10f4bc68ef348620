import { ModelFormatError } from "../errors.ts";
import { openFile, readFully } from "../gguf/files.ts";
import type { SafeTensor } from "./safetensors.ts";

/** Removes the scale of a packed tensor from `rest` and returns it. */
export function takeScale(rest: Map<string, SafeTensor>, packed: SafeTensor): SafeTensor {
  const name = `${packed.name}_scale`;
  const scale = rest.get(name);
  if (!scale) throw new ModelFormatError(`tensor ${name} is missing: ${packed.name} is packed`);
  rest.delete(name);
  return scale;
}

/** Reads a tensor of one float.
 *  @throws {ModelFormatError} more than one, another dtype, or not a positive finite number */
export async function readScale(scale: SafeTensor, files: readonly string[]): Promise<number> {
  const decode = DECODERS[scale.dtype];
  const elems = scale.shape.reduce((product, dim) => product * dim, 1);
  if (!decode || elems !== 1) {
    throw new ModelFormatError(
      `tensor ${scale.name} is ${scale.dtype} [${scale.shape.join(", ")}], expected one float`,
    );
  }
  const path = files[scale.file] ?? "";
  await using file = await openFile(path);
  const bytes = Buffer.alloc(scale.bytes);
  await readFully(file, bytes, scale.offset);
  const value = decode(bytes);
  if (Number.isFinite(value) && value > 0) return value;
  throw new ModelFormatError(`tensor ${scale.name} is ${value}, expected a positive number`);
}

const DECODERS: Readonly<Record<string, (bytes: Buffer) => number>> = {
  F32: (bytes) => bytes.readFloatLE(),
  // bf16 is the upper half of an f32.
  BF16: (bytes) => Buffer.from([0, 0, ...bytes]).readFloatLE(),
  F16: (bytes) => decodeHalf(bytes.readUInt16LE()),
};

function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
