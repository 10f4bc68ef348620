import { ENCODINGS, isTernary, rowMultiple } from "../checkpoint/encodings.ts";
import type { Addon, ConversionLoss, ConvertRequest, RowsSpec } from "../engine/binding.ts";
import { BitnetError, CancelledError, UnsupportedError } from "../errors.ts";
import type { OpenFile } from "../gguf/files.ts";
import { BufferPool } from "./buffer-pool.ts";
import { type Form, formOf, wantsOf } from "./form.ts";
import { gatherCodes, needsCodes } from "./gather.ts";
import { addLoss, isLoss, NO_LOSS } from "./loss.ts";
import { mapAhead, quiet } from "./map-ahead.ts";
import type { Merge } from "./merge.ts";
import { native } from "./native.ts";
import { convertNorm } from "./norm.ts";
import type { Job } from "./plan.ts";
import { type Cut, cutRows, FileRows, type RowSource } from "./row-source.ts";
import type { TensorSink } from "./sink.ts";

export type ConverterAddon = Pick<Addon, "convert" | "scaleStats" | "absSum">;

export interface TensorConverterParts {
  /** Data files of the model, in the order of its `files`. */
  readonly files: readonly OpenFile[];
  readonly sink: TensorSink;
  readonly addon: ConverterAddon;
  readonly allowLossy: boolean;
  readonly merge?: Merge | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Streams tensors from the files of a model into a sink. */
export class TensorConverter {
  readonly #parts: TensorConverterParts;
  readonly #pool = new BufferPool();

  constructor(parts: TensorConverterParts) {
    this.#parts = parts;
  }

  /** Converts one tensor; `report` gets the bytes of every block that was converted.
   *  @throws {CancelledError}   the signal was aborted
   *  @throws {UnsupportedError} something would be lost, and that is not allowed */
  async convert(job: Job, report: (bytes: number) => void): Promise<ConversionLoss> {
    const { source } = job;
    const file = this.#parts.files[source.file];
    if (!file) throw new Error(`${source.name} is in file ${source.file}, which is not open`);
    try {
      if (job.addend !== 0) return await this.#convertNorm(job, file, report);
      return await this.#convertRows(job, file, report);
    } catch (error) {
      throw named(error, source.name);
    }
  }

  async #convertNorm(job: Job, file: OpenFile, report: (bytes: number) => void) {
    const { addon, sink, allowLossy } = this.#parts;
    const { bytes, loss } = await convertNorm(job, file, addon);
    if (isLoss(loss) && !allowLossy) {
      throw new UnsupportedError(`${loss.weightsRounded} weights of the norm would be rounded`, {
        hint: "choose another format, or pass --allow-lossy",
      });
    }
    await sink.append(job, bytes);
    report(bytes.length);
    return loss;
  }

  async #convertRows(job: Job, file: OpenFile, report: (bytes: number) => void) {
    const { source, target, reorder } = job;
    const { addon, sink, allowLossy, merge } = this.#parts;
    const update = await merge?.updateOf(source.name);
    const context = {
      file,
      pool: this.#pool,
      addon,
      update,
      checkCancelled: () => this.checkCancelled(),
    };
    const form = await formOf(source, wantsOf(target), context);
    let loss = NO_LOSS;
    let rows: RowSource;
    if (needsCodes(job)) {
      const plain = new FileRows(file, source, form.reading, this.#pool, { update });
      const gathered = await gatherCodes(plain, form.scale, reorder, (request) =>
        this.#native({ ...request, allowLossy }),
      );
      ({ rows, loss } = gathered);
    } else {
      rows = new FileRows(file, source, form.reading, this.#pool, { reorder, update });
    }
    let writing = Promise.resolve();
    try {
      const unit = rowMultiple(target, source.cols, job.tile) ?? source.rows;
      const cuts = cutRows(rows, target, unit);
      for await (const block of mapAhead(cuts, (cut) => this.#block(job, form, rows, cut))) {
        loss = addLoss(loss, block.loss);
        await writing;
        writing = quiet(sink.append(job, block.bytes).finally(block.release));
        report(block.bytes.length);
      }
      await writing;
    } finally {
      await Promise.allSettled([writing]);
    }
    if (ENCODINGS[target].scales !== "apart") return loss;
    return addLoss(loss, await this.#writeScale(job, form.scale));
  }

  async #writeScale(job: Job, scale: number): Promise<ConversionLoss> {
    const { scaleType } = job;
    const one = { rows: 1, cols: 1 };
    const data = new Uint8Array(Float32Array.of(scale).buffer);
    const { bytes } = await this.#native({ ...one, from: "f32", to: scaleType, data });
    await this.#parts.sink.appendScale(job, bytes);
    const back = await this.#native({ ...one, from: scaleType, to: "f32", data: bytes });
    const stored = Buffer.from(back.bytes).readFloatLE();
    if (stored === scale) return NO_LOSS;
    if (!this.#parts.allowLossy) {
      throw new UnsupportedError(`its scale ${scale} is no ${scaleType} number`, {
        hint: "choose another --embd-type, or pass --allow-lossy",
      });
    }
    const maxRelative = Math.abs(stored - scale) / Math.max(stored, scale);
    return { ...NO_LOSS, scalesRounded: 1, maxRelative };
  }

  async #block(job: Job, form: Form, rows: RowSource, cut: Cut) {
    this.checkCancelled();
    const block = await rows.read(cut.row, cut.rows);
    const isCopy = block.spec.from === job.target && !isTernary(job.target);
    if (isCopy && form.reading.floats !== "masters") {
      return { bytes: block.spec.data, loss: NO_LOSS, release: block.release };
    }
    try {
      const result = await this.#native(this.#request(job, form, block.spec));
      return { ...result, release: () => undefined };
    } finally {
      block.release();
    }
  }

  #request(job: Job, form: Form, spec: RowsSpec): ConvertRequest {
    const { target, tile } = job;
    return {
      ...spec,
      to: target,
      toScale: form.scale,
      ...(tile && { toTile: tile }),
      allowLossy: this.#parts.allowLossy,
    };
  }

  async #native(request: ConvertRequest) {
    this.checkCancelled();
    return native(this.#parts.addon.convert(request));
  }

  /** @throws {CancelledError} the signal was aborted */
  checkCancelled(): void {
    if (this.#parts.signal?.aborted) throw new CancelledError("conversion cancelled");
  }
}

/** Native code does not know the tensor; the message starts with it once, here. */
function named(error: unknown, tensor: string): unknown {
  const isOurs = error instanceof BitnetError && !(error instanceof CancelledError);
  if (!isOurs || error.message.includes(tensor)) return error;
  const type = error.constructor as typeof UnsupportedError;
  return new type(`${tensor}: ${error.message}`, { hint: error.hint, cause: error.cause });
}
