/** What several measurements of one thing say. */
export interface Estimate {
  readonly median: number;
  /** Median of the distances from the median. */
  readonly mad: number;
  readonly min: number;
  readonly max: number;
  /** Where the median lies with 95 % confidence, by bootstrap; null with fewer than three samples. */
  readonly confidence95: readonly [low: number, high: number] | null;
  readonly samples: readonly number[];
}

/** @throws {RangeError} no samples */
export function estimate(samples: readonly number[]): Estimate {
  const middle = median(samples);
  return {
    median: middle,
    mad: median(samples.map((sample) => Math.abs(sample - middle))),
    min: Math.min(...samples),
    max: Math.max(...samples),
    confidence95: samples.length < MIN_SAMPLES ? null : interval(medians(samples)),
    samples,
  };
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which a share of the others lies, between neighbours by their distance.
 *  @throws {RangeError} no values */
export function percentile(values: readonly number[], share: number): number {
  return percentileOfSorted(
    values.toSorted((a, b) => a - b),
    share,
  );
}

function percentileOfSorted(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) throw new RangeError("nothing was measured");
  return low + (high - low) * (at - Math.floor(at));
}

/** How many times the first's median is the second's, with 95 % confidence by bootstrap; undefined
 *  where one of the two has too few samples to know its scatter. */
export function ratio(
  a: readonly number[],
  b: readonly number[],
): { readonly median: number; readonly confidence95: readonly [number, number] } | undefined {
  if (a.length < MIN_SAMPLES || b.length < MIN_SAMPLES) return undefined;
  const below = medians(b, SECOND_SEED);
  const ratios = medians(a).map((above, i) => above / (below[i] ?? Number.NaN));
  return { median: median(a) / median(b), confidence95: interval(ratios) };
}

const MIN_SAMPLES = 3;
const RESAMPLES = 2000;
const FIRST_SEED = 1;
const SECOND_SEED = 2;

/** Medians of samples drawn anew from the samples; the same on every call. */
function medians(samples: readonly number[], seed = FIRST_SEED): readonly number[] {
  const random = generator(seed);
  return Array.from({ length: RESAMPLES }, () =>
    median(samples.map(() => samples[Math.floor(random() * samples.length)] ?? Number.NaN)),
  );
}

function interval(values: readonly number[]): readonly [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  return [percentileOfSorted(sorted, 0.025), percentileOfSorted(sorted, 0.975)];
}

/** Numbers from 0 to 1 (xorshift32). */
function generator(seed: number): () => number {
  let state = seed * 0x9e3779b1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
