import { readFileSync } from "node:fs";

export interface Npy {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** Reads a NumPy file of little-endian floats in C order. */
export function readNpy(path: string): Npy {
  const raw = readFileSync(path);
  if (raw.toString("latin1", 0, 6) !== "\x93NUMPY") throw new Error(`${path}: not a NumPy file`);
  const dataBegin = 10 + raw.readUInt16LE(8);
  const header = raw.toString("latin1", 10, dataBegin);
  const type = /'descr': '<f([48])'/.exec(header)?.[1];
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1];
  if (!type || shape === undefined || header.includes("True")) {
    throw new Error(`${path}: unsupported NumPy header ${header.trim()}`);
  }
  const size = Number(type);
  const values = new Float64Array((raw.length - dataBegin) / size);
  for (let i = 0; i < values.length; i++) {
    const at = dataBegin + i * size;
    values[i] = size === 4 ? raw.readFloatLE(at) : raw.readDoubleLE(at);
  }
  return { shape: shape.split(",").filter(Boolean).map(Number), values };
}

/** Splits a [rows, cols] array into its rows. */
export function npyRows({ shape, values }: Npy): Float64Array[] {
  const [rows = 0, cols = 0] = shape;
  return Array.from({ length: rows }, (_, i) => values.subarray(i * cols, (i + 1) * cols));
}
