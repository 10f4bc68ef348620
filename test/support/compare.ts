type Logits = Float64Array | Float32Array;

/** How far logits are from a reference, over all positions given. */
export interface Deviation {
  readonly maxAbs: number;
  /** KL(reference || logits) in nats. */
  readonly klMax: number;
  readonly klMean: number;
  /** Share of positions whose most likely token is the reference's. */
  readonly top1: number;
}

/** Compares position by position; throws when the numbers of positions or tokens differ. */
export function deviation(reference: readonly Logits[], logits: readonly Logits[]): Deviation {
  if (reference.length !== logits.length || reference.length === 0) {
    throw new Error(`${logits.length} positions compared with ${reference.length}`);
  }
  let maxAbs = 0;
  let klMax = 0;
  let klSum = 0;
  let agreed = 0;
  for (const [i, expected] of reference.entries()) {
    const actual = logits[i] ?? new Float64Array();
    maxAbs = Math.max(maxAbs, maxAbsDifference(expected, actual));
    const kl = klDivergence(expected, actual);
    klMax = Math.max(klMax, kl);
    klSum += kl;
    if (argmax(expected) === argmax(actual)) agreed++;
  }
  const n = reference.length;
  return { maxAbs, klMax, klMean: klSum / n, top1: agreed / n };
}

/** NaN when any difference is NaN (as Math.max has it), so that a comparison with a bound fails. */
export function maxAbsDifference(a: Logits, b: Logits): number {
  if (a.length !== b.length) throw new Error(`${b.length} values compared with ${a.length}`);
  let max = 0;
  for (let i = 0; i < a.length; i++) max = Math.max(max, Math.abs(at(a, i) - at(b, i)));
  return max;
}

/** KL(p || q) in nats of the distributions that two rows of logits stand for. */
export function klDivergence(p: Logits, q: Logits): number {
  const logP = logSoftmax(p);
  const logQ = logSoftmax(q);
  let sum = 0;
  for (let i = 0; i < logP.length; i++) {
    sum += Math.exp(at(logP, i)) * (at(logP, i) - at(logQ, i));
  }
  return sum;
}

export function logSoftmax(logits: Logits): Float64Array {
  const max = at(logits, argmax(logits));
  let sum = 0;
  for (const x of logits) sum += Math.exp(x - max);
  const shift = max + Math.log(sum);
  return Float64Array.from(logits, (x) => x - shift);
}

/** Index of the first of the largest values. */
export function argmax(values: Logits): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (at(values, i) > at(values, best)) best = i;
  return best;
}

/** Splits logits [n, width] into rows. */
export function rowsOf(flat: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: flat.length / width }, (_, i) =>
    flat.subarray(i * width, (i + 1) * width),
  );
}

/** The bytes of an array, for comparisons of bits. */
export function bitsOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function at(values: Logits, i: number): number {
  return values[i] ?? Number.NaN;
}
