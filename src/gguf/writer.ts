import { ModelFormatError } from "../errors.ts";
import { AtomicFile } from "./atomic-file.ts";
import { encodeHeader } from "./encode-header.ts";
import { type TensorType, tensorBytes } from "./tensor-types.ts";
import { DEFAULT_ALIGNMENT, type Metadata, padTo } from "./types.ts";

/** A tensor that will be appended; its size follows from type and shape. */
export interface TensorPlan {
  readonly name: string;
  /** Fastest-varying first, as in `GgufTensor`. */
  readonly dims: readonly number[];
  readonly type: TensorType;
}

interface PlacedTensor {
  readonly name: string;
  readonly bytes: number;
}

/** Writes a GGUF file from front to back. Memory use does not grow with the tensors. */
export class GgufWriter {
  readonly #file: AtomicFile;
  readonly #tensors: readonly PlacedTensor[];
  readonly #alignment: number;
  #current = 0;
  /** Bytes of the current tensor written so far. */
  #written = 0;

  /** Use `openGgufWriter`. */
  constructor(file: AtomicFile, tensors: readonly PlacedTensor[], alignment: number) {
    this.#file = file;
    this.#tensors = tensors;
    this.#alignment = alignment;
  }

  /** Appends the next bytes of a tensor. Tensors come in the order of the plan, each complete before
   *  the next one starts; the padding between them is added here. The buffer may be reused once the
   *  promise has settled.
   *  Out of order or more bytes than the tensor has: a bug of the caller, thrown as a plain Error.
   *  @throws {ResourceError} the disk is full */
  async append(name: string, bytes: Uint8Array): Promise<void> {
    const tensor = this.#tensors[this.#current];
    if (tensor?.name !== name) {
      throw new Error(`tensor ${name} was written while ${tensor?.name ?? "the end"} is due`);
    }
    this.#written += bytes.length;
    if (this.#written > tensor.bytes) {
      throw new Error(`tensor ${name} has ${tensor.bytes} bytes, ${this.#written} written`);
    }
    await this.#file.write(bytes);
    if (this.#written < tensor.bytes) return;
    await this.#file.write(Buffer.alloc(padTo(tensor.bytes, this.#alignment) - tensor.bytes));
    this.#current++;
    this.#written = 0;
  }

  /** Completes the file and gives it its name. A missing or incomplete tensor is a bug of the caller,
   *  thrown as a plain Error. */
  async finish(): Promise<void> {
    const tensor = this.#tensors[this.#current];
    if (tensor) {
      throw new Error(`tensor ${tensor.name} has ${tensor.bytes} bytes, ${this.#written} written`);
    }
    await this.#file.commit();
  }

  /** Removes what has been written. */
  abort(): Promise<void> {
    return this.#file.abort();
  }
}

/** Creates a GGUF file (version 3) and writes its header; `append` then takes the tensors. Nothing is
 *  visible at `path` before `finish`, and after an error the caller's `abort` leaves nothing behind.
 *  @throws {ModelFormatError} a shape that its type cannot have
 *  @throws {ResourceError} the disk has no room for the file
 *  @throws {NotFoundError} the folder is missing or cannot be written to */
export async function openGgufWriter(
  path: string,
  metadata: Metadata,
  plan: readonly TensorPlan[],
): Promise<GgufWriter> {
  const alignment = Number(metadata.get("general.alignment")?.value ?? DEFAULT_ALIGNMENT);
  let end = 0;
  const placed = plan.map(({ name, dims, type }) => {
    const bytes = tensorBytes(type, dims);
    if (bytes === undefined) {
      throw new ModelFormatError(`${name}: [${dims.join(", ")}] cannot be stored as ${type.name}`);
    }
    const offset = end;
    end += padTo(bytes, alignment);
    return { name, dims, typeId: type.id, offset, bytes };
  });
  const header = encodeHeader(metadata, placed, alignment);
  const file = await AtomicFile.create(path, header.length + end);
  try {
    await file.write(header);
  } catch (error) {
    await file.abort();
    throw error;
  }
  return new GgufWriter(file, placed, alignment);
}
