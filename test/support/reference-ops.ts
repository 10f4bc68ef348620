import type { TestTensor } from "./safetensors.ts";

// Building blocks of the reference: plain loops over doubles.

/** What a checkpoint's files say about its graph; each may be overridden to study a mistake. */
export interface GraphOptions {
  readonly activation: "relu2" | "silu";
  readonly eps: number;
  readonly theta: number;
  /** Pairs that RoPE turns: (i, i + headDim/2), or neighbours (2i, 2i+1). */
  readonly rope: "halves" | "neighbours";
  /** Norms in front of attn_output and ffn_down; used where the files have them. */
  readonly subNorms: boolean;
  /** Stored weight scales of packed tensors multiply (autobitlinear) or divide (bitlinear). */
  readonly scaleRule: "multiply" | "divide";
  /** Replace activations by int8 codes in front of every ternary matrix. */
  readonly quantiseActivations: boolean;
}

export interface Linear {
  readonly trits: Float64Array;
  readonly rows: number;
  readonly cols: number;
  readonly scale: number;
}

/** Keys and values of one layer, [position][dModel of the KV heads]. */
export interface LayerCache {
  readonly keys: Float64Array[];
  readonly values: Float64Array[];
}

export function readLinear(
  tensors: ReadonlyMap<string, TestTensor>,
  name: string,
  scaleRule: GraphOptions["scaleRule"],
): Linear {
  const weight = tensors.get(`${name}.weight`);
  if (!weight) throw new Error(`no tensor ${name}.weight`);
  const [storedRows = 0, cols = 0] = weight.shape;
  if (weight.dtype !== "U8") {
    return { ...absmean(weight.values), rows: storedRows, cols };
  }
  const stored = at(tensors.get(`${name}.weight_scale`)?.values ?? new Float64Array(), 0);
  const scale = scaleRule === "multiply" ? stored : Math.fround(1 / stored);
  return { trits: unpackRows(weight.values), rows: storedRows * 4, cols, scale };
}

/** Bits 2g and 2g+1 of a byte hold the code of the same column in row quarter g. */
function unpackRows(bytes: Float64Array): Float64Array {
  const trits = new Float64Array(bytes.length * 4);
  for (let g = 0; g < 4; g++) {
    for (let i = 0; i < bytes.length; i++) {
      trits[g * bytes.length + i] = ((at(bytes, i) >> (2 * g)) & 3) - 1;
    }
  }
  return trits;
}

/** Master weights become round(w / mean|w|) in {-1, 0, 1}; the mean is rounded to f32 once. */
function absmean(weights: Float64Array): { trits: Float64Array; scale: number } {
  const mean = weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length;
  const scale = Math.fround(Math.max(mean, 1e-5));
  const inverse = Math.fround(1 / scale);
  const trits = weights.map((w) => clamp(roundHalfEven(Math.fround(w * inverse)), -1, 1));
  return { trits, scale };
}

/** y = scale / s * (trits . q), where q are int8 codes of x with the f32 scale s = 127 / max|x|. */
export function bitLinear(w: Linear, x: Float64Array, quantise: boolean): Float64Array {
  if (x.length !== w.cols) throw new Error(`${x.length} inputs for a matrix of ${w.cols} columns`);
  const absMax = x.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-5);
  const s = quantise ? Math.fround(127 / absMax) : 1;
  const q = quantise ? x.map((v) => clamp(roundHalfEven(v * s), -128, 127)) : x;
  return matVec(w.trits, q).map((dot) => (dot / s) * w.scale);
}

/** Adds one query head's weighted values to `out` (zero on entry). */
export function attendHead(
  q: Float64Array,
  { keys, values }: LayerCache,
  kvBegin: number,
  out: Float64Array,
  outBegin: number,
): void {
  const n = q.length;
  const scores = keys.map((k) => dot(q, k.subarray(kvBegin, kvBegin + n)) / Math.sqrt(n));
  const max = Math.max(...scores);
  const weights = scores.map((s) => Math.exp(s - max));
  const sum = weights.reduce((a, b) => a + b, 0);
  for (const [j, value] of values.entries()) {
    const p = (weights[j] ?? 0) / sum;
    for (let i = 0; i < n; i++) {
      out[outBegin + i] = at(out, outBegin + i) + p * at(value, kvBegin + i);
    }
  }
}

export function applyRope(
  x: Float64Array,
  pos: number,
  headDim: number,
  { theta, rope }: GraphOptions,
): Float64Array {
  const out = new Float64Array(x.length);
  const half = headDim / 2;
  for (let begin = 0; begin < x.length; begin += headDim) {
    for (let i = 0; i < half; i++) {
      const angle = pos * theta ** ((-2 * i) / headDim);
      const a = begin + (rope === "halves" ? i : 2 * i);
      const b = begin + (rope === "halves" ? i + half : 2 * i + 1);
      out[a] = at(x, a) * Math.cos(angle) - at(x, b) * Math.sin(angle);
      out[b] = at(x, a) * Math.sin(angle) + at(x, b) * Math.cos(angle);
    }
  }
  return out;
}

export function rmsNorm(x: Float64Array, weight: Float64Array, eps: number): Float64Array {
  const meanSquare = dot(x, x) / x.length;
  return x.map((v, i) => (v / Math.sqrt(meanSquare + eps)) * at(weight, i));
}

export function matVec(w: Float64Array, x: Float64Array): Float64Array {
  const y = new Float64Array(w.length / x.length);
  for (let i = 0; i < y.length; i++) y[i] = dot(w.subarray(i * x.length, (i + 1) * x.length), x);
  return y;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += at(a, i) * at(b, i);
  return sum;
}

export function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((v, i) => v + at(b, i));
}

export const relu2 = (x: number) => Math.max(x, 0) ** 2;
export const silu = (x: number) => x / (1 + Math.exp(-x));
const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** An element that must exist: anything else shows as NaN in the result. */
export function at(values: Float64Array, i: number): number {
  return values[i] ?? Number.NaN;
}
