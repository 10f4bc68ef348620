import { type Activations, inputsOf } from "./reference-inputs.ts";

// Building blocks of the reference: plain loops over doubles.

/** What a checkpoint's files say about its graph; each may be overridden to study a mistake. */
export interface GraphOptions {
  readonly activation: Activation;
  readonly eps: number;
  readonly theta: number;
  /** RoPE stretched beyond the length of training (arXiv:2309.00071). */
  readonly yarn: Yarn | undefined;
  /** Pairs that RoPE turns: (i, i + headDim/2), or neighbours (2i, 2i+1). */
  readonly rope: "halves" | "neighbours";
  /** Norms in front of attn_output and ffn_down; used where the files have them. */
  readonly subNorms: boolean;
  /** Embeddings are multiplied by this. */
  readonly embeddingScale: number;
  /** Stored weight scales of packed tensors multiply (autobitlinear) or divide (bitlinear). */
  readonly scaleRule: "multiply" | "divide";
  /** What float projections are: weights to be ternarised, or ternary ones written as numbers. */
  readonly floats: "masters" | "unpacked";
  /** What stands for the inputs of ternary matrices: int8 codes with one scale a token, or one for every
   *  32 inputs, or the inputs themselves. */
  readonly activations: Activations;
  /** Told, for every input that becomes int8 codes, how near one of them is to a tie. */
  readonly watchTies?: (distance: number) => void;
}

export interface Yarn {
  readonly factor: number;
  readonly original: number;
}

export interface Linear {
  /** Trits; of unpacked weights the weights themselves, with scale 1. */
  readonly trits: Float64Array;
  readonly rows: number;
  readonly cols: number;
  readonly scale: number;
  readonly updates?: readonly LowRankUpdate[];
  /** Weights of an RMS norm of its own input. */
  readonly inputNorm?: Float64Array | undefined;
}

/** y += scale * b . (a . x), on the input as it is before it is quantised. */
export interface LowRankUpdate {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly scale: number;
}

/** Keys and values of one layer, [position][dModel of the KV heads]. */
export interface LayerCache {
  readonly keys: Float64Array[];
  readonly values: Float64Array[];
}

/** y = scale / s * (trits . q), where q and s stand for x. */
export function bitLinear(w: Linear, x: Float64Array, activations: Activations): Float64Array {
  if (x.length !== w.cols) throw new Error(`${x.length} inputs for a matrix of ${w.cols} columns`);
  const { q, s } = inputsOf(x, activations);
  const y = matVec(w.trits, q).map((dot) => (dot / s) * w.scale);
  return (w.updates ?? []).reduce<Float64Array>(
    (sum, { a, b, scale }) =>
      add(
        sum,
        matVec(b, matVec(a, x)).map((v) => v * scale),
      ),
    y,
  );
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
  options: GraphOptions,
): Float64Array {
  const out = new Float64Array(x.length);
  const half = headDim / 2;
  const { frequencies, magnitude } = ropeTable(headDim, options);
  for (let begin = 0; begin < x.length; begin += headDim) {
    for (let i = 0; i < half; i++) {
      const angle = pos * at(frequencies, i);
      const [cos, sin] = [magnitude * Math.cos(angle), magnitude * Math.sin(angle)];
      const a = begin + (options.rope === "halves" ? i : 2 * i);
      const b = begin + (options.rope === "halves" ? i + half : 2 * i + 1);
      out[a] = at(x, a) * cos - at(x, b) * sin;
      out[b] = at(x, a) * sin + at(x, b) * cos;
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

/** Radians per position of each pair, and the length to which rotated pairs are stretched. */
function ropeTable(headDim: number, { theta, yarn }: GraphOptions) {
  const plain = Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
  if (!yarn) return { frequencies: plain, magnitude: 1 };
  const turnsAt = (beta: number) =>
    (headDim * Math.log(yarn.original / (2 * Math.PI * beta))) / (2 * Math.log(theta));
  const low = Math.max(0, Math.floor(turnsAt(32)));
  const high = Math.min(headDim - 1, Math.ceil(turnsAt(1)));
  const frequencies = plain.map((f, i) => {
    const ramp = clamp((i - low) / Math.max(0.001, high - low), 0, 1);
    return f * (1 - ramp) + (f / yarn.factor) * ramp;
  });
  return { frequencies, magnitude: 1 + 0.1 * Math.log(yarn.factor) };
}

export type Activation = "relu2" | "silu" | "gelu";

export const relu2 = (x: number) => Math.max(x, 0) ** 2;
export const silu = (x: number) => x / (1 + Math.exp(-x));
/** The approximation by tanh that Gemma uses. */
export const gelu = (x: number) =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
export const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

/** An element that must exist: anything else shows as NaN in the result. */
export function at(values: Float64Array, i: number): number {
  return values[i] ?? Number.NaN;
}
