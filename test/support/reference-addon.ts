import { payloadBytes } from "../../src/checkpoint/encodings.ts";
import type { Encoding } from "../../src/checkpoint/source.ts";
import type { Addon, ConversionLoss, ConvertRequest, RowsSpec } from "../../src/engine/binding.ts";
import { decodeNumbers, encodeNumbers } from "./reference-numbers.ts";

type Calls = Record<"convert" | "scaleStats" | "absSum" | "compareRows", number>;

/** The conversions of the native addon, written plainly and apart from it: slow, for small tensors, and
 *  for the formats whose bytes are easily told. `calls` counts them. */
export function referenceAddon(): Pick<Addon, keyof Calls> & { readonly calls: Calls } {
  const calls = { convert: 0, scaleStats: 0, absSum: 0, compareRows: 0 };
  return {
    calls,
    convert: async (request) => {
      calls.convert++;
      return convert(request);
    },
    scaleStats: async (request) => {
      calls.scaleStats++;
      const scales = nonzeroScales(request);
      return {
        min: scales.reduce((least, s) => Math.min(least, s), scales[0] ?? 0),
        max: scales.reduce((most, s) => Math.max(most, s), 0),
        nonzeros: scales.length,
        weightedSum: scales.reduce((sum, s) => sum + s, 0),
      };
    },
    absSum: async (request) => {
      calls.absSum++;
      return numbers(request).reduce((sum, w) => sum + Math.abs(w), 0);
    },
    compareRows: async ({ a, b }) => {
      calls.compareRows++;
      const [x, y] = [weights(a), weights(b)];
      const differing = [...x.keys()].filter((i) => x[i] !== y[i]);
      const trits = differing.filter((i) => Math.sign(x[i] ?? 0) !== Math.sign(y[i] ?? 0));
      const changes = differing.map((i) => relative(x[i] ?? 0, y[i] ?? 0));
      const maxRelative = Math.max(0, ...changes);
      return { trits: trits.length, weights: differing.length, maxRelative };
    },
  };
}

function convert(request: ConvertRequest): { bytes: Uint8Array; loss: ConversionLoss } {
  const { from, to, cols, toScale = 1, allowLossy } = request;
  if (isTernary(to)) {
    const { trits, scales } = ternary(request);
    const merged = [...trits.keys()].filter((i) => trits[i] !== 0 && scales[i] !== toScale);
    if (merged.length > 0 && !allowLossy) throw lossy();
    const changes = merged.map((i) => relative(scales[i] ?? 0, toScale));
    return { bytes: packCodes(to, trits, cols), loss: loss(0, merged.length, changes) };
  }
  const values = weights(request);
  if (from === to && !request.floats) return { bytes: request.data, loss: loss(0, 0, []) };
  const bytes = encodeNumbers(to, values);
  if (!isTernary(from) && !request.floats) return { bytes, loss: loss(0, 0, []) };
  const back = decodeNumbers(to, Buffer.from(bytes), values.length);
  const changes = [...values.keys()]
    .map((i) => relative(values[i] ?? 0, back[i] ?? 0))
    .filter((change) => change > 0);
  if (changes.length > 0 && !allowLossy) throw lossy();
  return { bytes, loss: loss(changes.length, 0, changes) };
}

function loss(weightsRounded: number, scalesMerged: number, changes: number[]): ConversionLoss {
  return { scalesRounded: 0, scalesMerged, weightsRounded, maxRelative: Math.max(0, ...changes) };
}

function lossy(): Error {
  return Object.assign(new Error("not lossless"), { code: "E_UNSUPPORTED", hint: "--allow-lossy" });
}

function relative(a: number, b: number): number {
  return a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

function isTernary(encoding: Encoding): boolean {
  return encoding.startsWith("i2_s") || encoding === "hf_packed";
}

interface Ternary {
  readonly trits: Float64Array;
  /** Of every weight. */
  readonly scales: Float64Array;
}

function ternary(spec: RowsSpec): Ternary {
  if (isTernary(spec.from)) {
    const trits = storedTrits(spec);
    return { trits, scales: trits.map(() => spec.scale ?? 1) };
  }
  const values = numbers(spec);
  if (spec.floats === "unpacked") return recovered(values, spec.group ?? spec.cols);
  if (spec.floats !== "masters") throw new Error(`${spec.from} numbers are not ternary`);
  const scale = spec.scale ?? Number.NaN;
  const inverse = Math.fround(1 / scale);
  const trits = values.map((w) => {
    const ratio = Math.fround(w * inverse);
    return ratio > 0.5 ? 1 : ratio < -0.5 ? -1 : 0;
  });
  return { trits, scales: trits.map(() => scale) };
}

function recovered(values: Float64Array, group: number): Ternary {
  const scales = new Float64Array(values.length);
  for (let begin = 0; begin < values.length; begin += group) {
    const part = values.subarray(begin, begin + group);
    const max = part.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    if (part.some((w) => w !== 0 && Math.abs(w) !== max)) {
      throw Object.assign(new Error("not ternary"), { code: "E_UNSUPPORTED" });
    }
    scales.fill(max, begin, begin + group);
  }
  return { trits: values.map(Math.sign), scales };
}

function nonzeroScales(spec: RowsSpec): number[] {
  const { trits, scales } = ternary(spec);
  return [...scales].filter((_, i) => trits[i] !== 0);
}

function weights(spec: RowsSpec): Float64Array {
  if (!isTernary(spec.from) && !spec.floats) return numbers(spec);
  const { trits, scales } = ternary(spec);
  return trits.map((trit, i) => Math.fround(trit * (scales[i] ?? 0)));
}

function numbers({ from, rows, cols, data }: RowsSpec): Float64Array {
  expectBytes(data, payloadBytes(from, rows, cols));
  return decodeNumbers(from, Buffer.from(data), rows * cols);
}

function storedTrits({ from, rows, cols, data, quarter }: RowsSpec): Float64Array {
  if (quarter !== undefined && from !== "hf_packed") throw new Error(`${from} has no quarters`);
  expectBytes(data, quarter === undefined ? payloadBytes(from, rows, cols) : rows * cols);
  return Float64Array.from({ length: rows * cols }, (_, e) => {
    const [byte, shift] =
      quarter === undefined ? place(from, e, rows, cols) : ([e, 2 * quarter] as const);
    const code = ((data[byte] ?? 0) >> shift) & 3;
    if (code === 3) throw new Error("invalid code");
    return code - 1;
  });
}

function expectBytes(data: Uint8Array, expected: number | undefined): void {
  if (data.length !== expected) throw new Error(`${data.length} bytes instead of ${expected}`);
}

/** Byte and bit position of a code, by the closed formulas of the format description. */
function place(
  encoding: Encoding,
  e: number,
  rows: number,
  cols: number,
): readonly [byte: number, shift: number] {
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
    case "hf_packed":
      return [(row % (rows / 4)) * cols + (e % cols), 2 * Math.floor(row / (rows / 4))];
    default:
      throw new Error(`${encoding} is not a layout of codes`);
  }
}

function packCodes(to: Encoding, trits: Float64Array, cols: number): Uint8Array {
  const rows = trits.length / cols;
  const bytes = new Uint8Array(payloadBytes(to, rows, cols) ?? 0);
  for (const [e, trit] of trits.entries()) {
    const [byte, shift] = place(to, e, rows, cols);
    bytes[byte] = (bytes[byte] ?? 0) | ((trit + 1) << shift);
  }
  return bytes;
}
