// Probabilities of next tokens from logits. Sums run in double precision over f32 logits; the loops are
// plain because they run over vocabularies (128 k) at every position.

/** One row of a logits array [n, width]. */
export interface LogitsRow {
  readonly logits: Float32Array;
  readonly row: number;
  readonly width: number;
}

/** Shift that turns a row's logits into natural logarithms of probabilities: log(sum(exp(logits))). */
export function logSumExp({ logits, row, width }: LogitsRow): number {
  const begin = row * width;
  const end = begin + width;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = begin; i < end; i++) {
    const logit = logits[i] as number;
    if (logit > max) max = logit;
  }
  let sum = 0;
  for (let i = begin; i < end; i++) sum += Math.exp((logits[i] as number) - max);
  return max + Math.log(sum);
}

/** -log p(token), in nats. */
export function lossOf(row: LogitsRow, token: number): number {
  return logSumExp(row) - (row.logits[row.row * row.width + token] as number);
}

/** How the distribution of one position differs from the reference's. */
export interface Divergence {
  /** -log p(token) under the reference and under the other. */
  readonly referenceLoss: number;
  readonly otherLoss: number;
  /** KL(reference || other), in nats. */
  readonly kl: number;
  /** Largest change of any token's probability. */
  readonly maxShift: number;
  /** Whether both think the same token likeliest. */
  readonly sameTop: boolean;
}

/** Precondition: rows of the same width. */
export function divergence(reference: LogitsRow, other: LogitsRow, token: number): Divergence {
  const { width } = reference;
  const logP = logSumExp(reference);
  const logQ = logSumExp(other);
  const p = reference.logits.subarray(reference.row * width, (reference.row + 1) * width);
  const q = other.logits.subarray(other.row * width, (other.row + 1) * width);
  let kl = 0;
  let maxShift = 0;
  let topP = 0;
  let topQ = 0;
  for (let i = 0; i < width; i++) {
    const a = p[i] as number;
    const b = q[i] as number;
    if (a > (p[topP] as number)) topP = i;
    if (b > (q[topQ] as number)) topQ = i;
    const probability = Math.exp(a - logP);
    const shift = Math.abs(probability - Math.exp(b - logQ));
    if (shift > maxShift) maxShift = shift;
    // Where a probability underflows, so does its share of the sum.
    if (probability > 0) kl += probability * (a - logP - (b - logQ));
  }
  return {
    referenceLoss: logP - (p[token] as number),
    otherLoss: logQ - (q[token] as number),
    kl,
    maxShift,
    sameTop: topP === topQ,
  };
}
