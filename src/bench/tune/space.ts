/** What is tuned. */
export interface Choice {
  readonly threads: number;
  readonly batchSize: number;
  readonly kernel: string;
}

/** The values that are worth a trial, those first that are likeliest to be best. */
export interface SearchSpace {
  readonly defaults: Choice;
  readonly threads: readonly number[];
  readonly kernels: readonly string[];
  readonly batchSizes: readonly number[];
}

/** Numbers of threads worth a trial: powers of two, the physical cores, one fewer, all CPUs; nearest
 *  to the default first. */
export function threadCandidates(physicalCores: number, logicalCpus: number): readonly number[] {
  const powers = Array.from({ length: 11 }, (_, i) => 2 ** i);
  const all = [...powers, physicalCores - 1, physicalCores, logicalCpus];
  const usable = all.filter((count) => count >= 1 && count <= logicalCpus);
  const most = [...new Set(usable)].sort((a, b) => a - b).slice(-MAX_THREAD_TRIALS);
  const distance = (count: number) => Math.abs(Math.log2(count / physicalCores));
  return most.toSorted((a, b) => distance(a) - distance(b));
}

const MAX_THREAD_TRIALS = 6;

export function isSame(a: Choice, b: Choice): boolean {
  return a.threads === b.threads && a.batchSize === b.batchSize && a.kernel === b.kernel;
}
