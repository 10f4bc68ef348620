import { ENCODINGS } from "../checkpoint/encodings.ts";
import type { Addon } from "../engine/binding.ts";
import { CancelledError } from "../errors.ts";
import type { OpenFile } from "../gguf/files.ts";
import type { GgufWriter } from "../gguf/writer.ts";
import { BLOCKS_AT_ONCE, type Block, BlockReader, blocksOf } from "./blocks.ts";
import { native } from "./native.ts";
import type { Job } from "./plan.ts";
import { weightScale } from "./scale.ts";

export interface TensorConverterParts {
  /** Data files of the model, in the order of its `files`. */
  readonly files: readonly OpenFile[];
  readonly writer: GgufWriter;
  readonly addon: Pick<Addon, "convertRows" | "absSum" | "ternaryCheck">;
  readonly signal?: AbortSignal | undefined;
}

/** Streams tensors from the files of a model into a GGUF file. */
export class TensorConverter {
  readonly #parts: TensorConverterParts;
  readonly #reader = new BlockReader();

  constructor(parts: TensorConverterParts) {
    this.#parts = parts;
  }

  /** Converts one tensor; `report` gets the bytes of every block that was converted.
   *  @throws {CancelledError} the signal was aborted */
  async convert(job: Job, report: (bytes: number) => void): Promise<void> {
    const { source, target } = job;
    const { files, writer, addon } = this.#parts;
    const file = files[source.file];
    if (!file) throw new Error(`${source.name} is in file ${source.file}, which is not open`);
    const checkCancelled = (): void => this.checkCancelled();
    const scale = await weightScale(job, { file, reader: this.#reader, addon, checkCancelled });
    const encoding: Promise<Uint8Array>[] = [];
    let writing = Promise.resolve();
    const writeNext = async (): Promise<void> => {
      const bytes = await encoding.shift();
      if (!bytes) return;
      await writing;
      writing = quiet(writer.append(source.name, bytes));
      report(bytes.length);
    };
    try {
      for await (const { block, data } of this.#reader.read(file, blocksOf(source, target))) {
        this.checkCancelled();
        encoding.push(quiet(this.#encode(job, block, data, scale)));
        if (encoding.length === BLOCKS_AT_ONCE) await writeNext();
      }
      while (encoding.length > 0) await writeNext();
      await writing;
    } finally {
      // Buffers and files must not go away under a running operation, whatever ended the loop.
      await Promise.allSettled([...encoding, writing]);
    }
    const { tailBytes } = ENCODINGS[target];
    if (tailBytes > 0) await writer.append(source.name, scaleTail(scale, tailBytes));
  }

  async #encode(job: Job, block: Block, data: Uint8Array, scale: number): Promise<Uint8Array> {
    const { source, target } = job;
    const { addon } = this.#parts;
    const from = source.encoding;
    if (from === target && !ENCODINGS[target].ternary) return data;
    const { rows, quarter } = block;
    const request = { from, rows, cols: source.cols, data, scale };
    if (source.quantise !== undefined && !ENCODINGS[target].ternary) {
      // Masters are ternarised in float outputs too: the model computes with ternary weights.
      const codes = await native(addon.convertRows({ ...request, to: "i2_s" }));
      return native(addon.convertRows({ ...request, from: "i2_s", to: target, data: codes }));
    }
    const pass = quarter === undefined ? {} : { quarter };
    return native(addon.convertRows({ ...request, to: target, ...pass }));
  }

  /** @throws {CancelledError} the signal was aborted */
  checkCancelled(): void {
    if (this.#parts.signal?.aborted) throw new CancelledError("conversion cancelled");
  }
}

/** A failure is met by a later await; until then it does not count as unhandled. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** The end of an I2_S tensor: its f32 scale and zeros. */
function scaleTail(scale: number, bytes: number): Uint8Array {
  const tail = Buffer.alloc(bytes);
  tail.writeFloatLE(scale);
  return tail;
}
