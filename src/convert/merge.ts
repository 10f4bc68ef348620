import type { OpenFile } from "../gguf/files.ts";
import { Comparison, type ComparisonOptions } from "./comparison.ts";
import type { Job } from "./plan.ts";
import type { RowsUpdate } from "./row-source.ts";

/** Additions to the master weights of a model, which become ternary with them. */
export interface Merge {
  changes(tensor: string): boolean;
  /** Undefined for matrices that stay as they are. */
  updateOf(tensor: string): Promise<RowsUpdate | undefined>;
}

/** What a merge did to the ternary weights. */
export interface MergeReport {
  /** Matrices with an addition. */
  readonly matrices: number;
  readonly weights: number;
  /** Weights of theirs with another trit than without the addition. */
  readonly changedTrits: number;
}

/** Counts the trits of a finished output that are not those of the input without the addition.
 *  @throws {CancelledError} the signal was aborted */
export async function countChanges(
  jobs: readonly Job[],
  files: readonly OpenFile[],
  merge: Merge,
  options: Omit<ComparisonOptions, "merge">,
): Promise<MergeReport> {
  await using comparison = await Comparison.open(files, options);
  const report = { matrices: 0, weights: 0, changedTrits: 0 };
  for (const job of jobs) {
    const { name, rows, cols } = job.source;
    if (!merge.changes(name)) continue;
    report.matrices += 1;
    report.weights += rows * cols;
    report.changedTrits += (await comparison.compare(job)).trits;
  }
  return report;
}
