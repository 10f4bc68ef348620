import { ENCODINGS, isTernary, rowMultiple } from "../checkpoint/encodings.ts";
import { openModelSource } from "../checkpoint/open.ts";
import type { Encoding, TensorSource } from "../checkpoint/source.ts";
import type { Addon } from "../engine/binding.ts";
import { CancelledError, ModelFormatError } from "../errors.ts";
import { type OpenFile, openFile } from "../gguf/files.ts";
import { BufferPool } from "./buffer-pool.ts";
import { formOf } from "./form.ts";
import { gatherCodes } from "./gather.ts";
import { mapAhead } from "./map-ahead.ts";
import { native } from "./native.ts";
import { readNorm } from "./norm.ts";
import type { Job, Reorder } from "./plan.ts";
import { cutRows, FileRows, leastMultiple, type RowSource } from "./row-source.ts";

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

export interface VerifyOptions {
  readonly output: string;
  readonly addon: Pick<Addon, "convert" | "scaleStats" | "absSum" | "compareRows">;
  readonly signal?: AbortSignal | undefined;
}

/** Reads a finished output as any reader would, and compares every weight of it with the input.
 *  @throws {ModelFormatError} a tensor is missing, or one trit is another one
 *  @throws {CancelledError} the signal was aborted */
export async function verifyOutput(
  jobs: readonly Job[],
  files: readonly OpenFile[],
  options: VerifyOptions,
): Promise<Verification> {
  const written = await openModelSource(options.output, { prefer: "checkpoint" });
  const byName = new Map(written.tensors.map((tensor) => [tensor.name, tensor]));
  const [path = options.output] = written.files;
  await using output = await openFile(path);
  const rounded: RoundedTensor[] = [];
  let weights = 0;
  for (const job of jobs) {
    const { source } = job;
    const input = files[source.file];
    const copy = byName.get(source.name);
    if (!input || copy?.rows !== source.rows || copy.cols !== source.cols) {
      throw new ModelFormatError(`verification failed: ${source.name} is not in ${options.output}`);
    }
    const difference = await new TensorComparison(options).compare(job, input, copy, output);
    if (difference.trits > 0) {
      throw new ModelFormatError(
        `verification failed: ${difference.trits} trits of ${source.name} in ${options.output} are not those of the input`,
      );
    }
    weights += source.rows * source.cols;
    if (difference.weights === 0) continue;
    const { maxRelative } = difference;
    const pair = { from: source.encoding, to: copy.encoding };
    rounded.push({ tensor: source.name, ...pair, weights: difference.weights, maxRelative });
  }
  return { tensors: jobs.length, weights, rounded };
}

interface Difference {
  readonly trits: number;
  readonly weights: number;
  readonly maxRelative: number;
}

const NO_DIFFERENCE: Difference = { trits: 0, weights: 0, maxRelative: 0 };

class TensorComparison {
  readonly #options: VerifyOptions;
  readonly #pool = new BufferPool();

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  async compare(
    job: Job,
    input: OpenFile,
    copy: TensorSource,
    output: OpenFile,
  ): Promise<Difference> {
    if (job.source.rows === 1) return this.#compareNorms(job, input, copy, output);
    const a = await this.#rowsOf(job.source, input, job.reorder);
    const b = await this.#rowsOf(copy, output, undefined);
    const unit = leastMultiple(a.unit, b.unit);
    let all = NO_DIFFERENCE;
    let hasTrits = isTernary(copy.encoding);
    const cuts = cutRows(a, b.encoding, unit);
    for await (const part of mapAhead(cuts, async ({ row, rows }) => {
      this.#checkCancelled();
      const [x, y] = [await a.read(row, rows), await b.read(row, rows)];
      hasTrits ||= isTernary(x.spec.from) || x.spec.floats !== undefined;
      try {
        return await native(this.#options.addon.compareRows({ a: x.spec, b: y.spec }));
      } finally {
        x.release();
        y.release();
      }
    })) {
      all = join(all, part);
    }
    // Plain numbers have no trits: a small one may have become 0.
    return hasTrits ? all : { ...all, trits: 0 };
  }

  async #compareNorms(
    job: Job,
    input: OpenFile,
    copy: TensorSource,
    output: OpenFile,
  ): Promise<Difference> {
    const { addon } = this.#options;
    const wanted = (await readNorm(job.source, input, addon)).map((w) => w + job.addend);
    const found = await readNorm(copy, output, addon);
    const changes = wanted
      .map((w, i) => {
        const other = found[i] ?? Number.NaN;
        return Object.is(w, other)
          ? 0
          : Math.abs(w - other) / Math.max(Math.abs(w), Math.abs(other));
      })
      .filter((change) => change !== 0);
    const maxRelative = changes.reduce((most, change) => Math.max(most, change), 0);
    return { trits: 0, weights: changes.length, maxRelative };
  }

  /** Rows in natural order that can be cut anywhere but within a unit. */
  async #rowsOf(
    source: TensorSource,
    file: OpenFile,
    reorder: Reorder | undefined,
  ): Promise<RowSource> {
    const { addon } = this.#options;
    const context = { file, pool: this.#pool, addon, checkCancelled: () => this.#checkCancelled() };
    const form = await formOf(source, { ternary: false, oneScale: false }, context);
    const { scales } = ENCODINGS[source.encoding];
    const canCut = rowMultiple(source.encoding, source.cols, source.tile) !== undefined;
    if (canCut && (!reorder || scales !== "apart")) {
      return new FileRows(file, source, form.reading, this.#pool, reorder);
    }
    const plain = new FileRows(file, source, form.reading, this.#pool);
    const { rows } = await gatherCodes(plain, form.scale, reorder, (request) =>
      native(addon.convert({ ...request, allowLossy: false })),
    );
    return rows;
  }

  #checkCancelled(): void {
    if (this.#options.signal?.aborted) throw new CancelledError("conversion cancelled");
  }
}

function join(a: Difference, b: Difference): Difference {
  return {
    trits: a.trits + b.trits,
    weights: a.weights + b.weights,
    maxRelative: Math.max(a.maxRelative, b.maxRelative),
  };
}
