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
import type { Merge } from "./merge.ts";
import { native } from "./native.ts";
import { readNorm } from "./norm.ts";
import type { Job } from "./plan.ts";
import {
  cutRows,
  FileRows,
  type FileRowsOptions,
  leastMultiple,
  type RowSource,
} from "./row-source.ts";

interface Change {
  /** Weights with another sign, or zero in one of the two. */
  readonly trits: number;
  /** Weights with another value, those included. */
  readonly weights: number;
  readonly maxRelative: number;
}

/** How a tensor of the output differs from that of the input. */
export interface Difference extends Change {
  readonly to: Encoding;
}

const NO_CHANGE: Change = { trits: 0, weights: 0, maxRelative: 0 };

export interface ComparisonOptions {
  readonly output: string;
  readonly addon: Pick<Addon, "convert" | "scaleStats" | "absSum" | "compareRows">;
  /** Added to the input's masters. */
  readonly merge?: Merge | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A finished output, read as any reader would, beside its input; `files` are those of the input. */
export class Comparison implements AsyncDisposable {
  readonly #options: ComparisonOptions;
  readonly #files: readonly OpenFile[];
  readonly #written: ReadonlyMap<string, TensorSource>;
  readonly #output: OpenFile;
  readonly #pool = new BufferPool();

  private constructor(
    files: readonly OpenFile[],
    written: ReadonlyMap<string, TensorSource>,
    output: OpenFile,
    options: ComparisonOptions,
  ) {
    this.#files = files;
    this.#written = written;
    this.#output = output;
    this.#options = options;
  }

  static async open(files: readonly OpenFile[], options: ComparisonOptions): Promise<Comparison> {
    const written = await openModelSource(options.output, { prefer: "checkpoint" });
    const byName = new Map(written.tensors.map((tensor) => [tensor.name, tensor]));
    const [path = options.output] = written.files;
    return new Comparison(files, byName, await openFile(path), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#output.handle.close();
  }

  /** Compares all weights of a tensor, whatever the encodings.
   *  @throws {ModelFormatError} the output does not have it */
  async compare(job: Job): Promise<Difference> {
    const { source } = job;
    const input = this.#files[source.file];
    const copy = this.#written.get(source.name);
    if (!input || copy?.rows !== source.rows || copy.cols !== source.cols) {
      throw new ModelFormatError(
        `verification failed: ${source.name} is not in ${this.#options.output}`,
      );
    }
    const compare = source.rows === 1 ? this.#compareNorms : this.#compareRows;
    return { to: copy.encoding, ...(await compare.call(this, job, input, copy)) };
  }

  async #compareRows(job: Job, input: OpenFile, copy: TensorSource): Promise<Change> {
    const update = await this.#options.merge?.updateOf(job.source.name);
    const a = await this.#rowsOf(job.source, input, { reorder: job.reorder, update });
    const b = await this.#rowsOf(copy, this.#output, {});
    const unit = leastMultiple(a.unit, b.unit);
    let all = NO_CHANGE;
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

  async #compareNorms(job: Job, input: OpenFile, copy: TensorSource): Promise<Change> {
    const { addon } = this.#options;
    const wanted = (await readNorm(job.source, input, addon)).map((w) => w + job.addend);
    const found = await readNorm(copy, this.#output, addon);
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
    { reorder, update }: FileRowsOptions,
  ): Promise<RowSource> {
    const { addon } = this.#options;
    const checkCancelled = () => this.#checkCancelled();
    const context = { file, pool: this.#pool, addon, update, checkCancelled };
    const form = await formOf(source, { ternary: false, oneScale: false }, context);
    const { scales } = ENCODINGS[source.encoding];
    const canCut = rowMultiple(source.encoding, source.cols, source.tile) !== undefined;
    if (canCut && (!reorder || scales !== "apart")) {
      return new FileRows(file, source, form.reading, this.#pool, { reorder, update });
    }
    const plain = new FileRows(file, source, form.reading, this.#pool, { update });
    const { rows } = await gatherCodes(plain, form.scale, reorder, (request) =>
      native(addon.convert({ ...request, allowLossy: false })),
    );
    return rows;
  }

  #checkCancelled(): void {
    if (this.#options.signal?.aborted) throw new CancelledError("conversion cancelled");
  }
}

function join(a: Change, b: Change): Change {
  return {
    trits: a.trits + b.trits,
    weights: a.weights + b.weights,
    maxRelative: Math.max(a.maxRelative, b.maxRelative),
  };
}
