import type { EnergyBasis, EnergyResult } from "../energy/account.ts";
import type { NoMeter } from "../energy/meter.ts";
import type { Setup, TestCase } from "../plan.ts";
import type { Estimate } from "../stats.ts";

/** What `bench --json` prints and `--save` writes. Fields are only ever added. */
export interface BenchReport {
  readonly schema: typeof SCHEMA;
  /** Version of this package. */
  readonly bitnet: string;
  /** ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  readonly repetitions: number;
  readonly limits: readonly Limits[];
  readonly energy: EnergyReport;
  readonly models: readonly ModelReport[];
  readonly results: readonly BenchResult[];
  /** Of --prompts. */
  readonly prompts: readonly PromptResult[];
}

export const SCHEMA = "bitnet-bench/1";

export interface Machine {
  readonly cpu: string;
  readonly logicalCpus: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
}

/** What this machine was measured to do at best. */
export interface Limits {
  readonly kernel: string;
  readonly threads: number;
  readonly readBytesPerSecond: number;
  /** Of the target's int8 dot products; null where nobody knows how to measure them. */
  readonly int8OperationsPerSecond: number | null;
  readonly f32OperationsPerSecond: number | null;
}

/** What the energy figures of the results rest on, or why there are none. */
export type EnergyReport =
  | (EnergyBasis & { readonly measured: boolean; readonly note: string | null })
  | ({ readonly measured: false; readonly method: null } & NoMeter);

export interface ModelReport {
  readonly path: string;
  readonly name: string;
  readonly family: string;
  readonly parameters: number;
  readonly fileBytes: number;
}

/** One test on one setup. */
export interface BenchResult {
  readonly test: string;
  readonly kind: TestCase["kind"];
  readonly tokens: number;
  readonly depth: number;
  readonly setup: Setup;
  readonly tokensPerSecond: Estimate;
  /** Of prompts. */
  readonly firstTokenMs: Estimate | null;
  /** Of generations. */
  readonly interTokenMs: Latency | null;
  readonly loadMs: Estimate;
  readonly peakRssBytes: number;
  readonly achieved: Achieved;
  readonly energy: EnergyResult | null;
  /** Why `energy` is null, where a meter is there. */
  readonly energyReason: string | null;
}

/** Times between tokens as they reach the caller, in all repetitions. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly histogram: Histogram;
}

/** Counts of equal steps from `from` to `to`; later values are in the last. */
export interface Histogram {
  readonly from: number;
  readonly to: number;
  readonly counts: readonly number[];
}

/** What the median repetition did, beside the machine's limits. */
export interface Achieved {
  /** Weights, keys and values read; of generations. */
  readonly bytesPerSecond: number | null;
  readonly readShare: number | null;
  /** Multiplications and additions with weights. */
  readonly operationsPerSecond: number;
  /** Per byte of weights, keys and values that the test has to read. */
  readonly operationsPerByte: number;
  readonly int8Share: number | null;
}

/** One prompt of a list. */
export interface PromptResult {
  readonly prompt: string;
  readonly setup: Setup;
  readonly runs: number;
  readonly succeeded: number;
  readonly successRate: number;
  /** Messages of the runs that failed, each once. */
  readonly errors: readonly string[];
  /** Means over the runs that succeeded; null when none did. */
  readonly means: PromptMeans | null;
}

export interface PromptMeans {
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly firstTokenMs: number;
  readonly promptTokensPerSecond: number;
  readonly generatedTokensPerSecond: number | null;
  readonly totalMs: number;
}
