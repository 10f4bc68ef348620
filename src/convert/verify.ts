import type { Encoding } from "../checkpoint/source.ts";
import { ModelFormatError } from "../errors.ts";
import type { OpenFile } from "../gguf/files.ts";
import { Comparison, type ComparisonOptions } from "./comparison.ts";
import type { Job } from "./plan.ts";

/** What comparing an output with its input found. */
export interface Verification {
  readonly tensors: number;
  readonly weights: number;
  /** Tensors whose weights are not all the input's to the last bit; every trit is in any case. */
  readonly rounded: readonly RoundedTensor[];
}

export interface RoundedTensor {
  readonly tensor: string;
  readonly from: Encoding;
  readonly to: Encoding;
  /** Weights with another value. */
  readonly weights: number;
  readonly maxRelative: number;
}

/** Compares every weight of a finished output with the input.
 *  @throws {ModelFormatError} a tensor is missing, or one trit is another one
 *  @throws {CancelledError} the signal was aborted */
export async function verifyOutput(
  jobs: readonly Job[],
  files: readonly OpenFile[],
  options: ComparisonOptions,
): Promise<Verification> {
  await using comparison = await Comparison.open(files, options);
  const rounded: RoundedTensor[] = [];
  let all = 0;
  for (const job of jobs) {
    const { name, rows, cols, encoding: from } = job.source;
    const { to, trits, weights, maxRelative } = await comparison.compare(job);
    if (trits > 0) {
      throw new ModelFormatError(
        `verification failed: ${trits} trits of ${name} in ${options.output} are not those of the input`,
      );
    }
    all += rows * cols;
    if (weights > 0) rounded.push({ tensor: name, from, to, weights, maxRelative });
  }
  return { tensors: jobs.length, weights: all, rounded };
}
