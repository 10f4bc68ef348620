import { ModelFormatError } from "../errors.ts";
import { LIMITS } from "./limits.ts";
import type { GgufScalarType, MetadataScalar } from "./types.ts";

/** The window ends before the header does; more of the file is needed. Never leaves the reader. */
export class WindowTooSmall extends Error {
  readonly neededBytes: number;

  constructor(neededBytes: number) {
    super(`header needs ${neededBytes} bytes`);
    this.neededBytes = neededBytes;
  }
}

/** Reads little-endian values from the first bytes of a file. Every length is checked against the
 *  file before anything is allocated for it. */
export class Cursor {
  readonly #window: Buffer;
  readonly #fileBytes: number;
  /** What is being read, for messages. */
  field = "header";
  pos = 0;

  constructor(window: Buffer, fileBytes: number) {
    this.#window = window;
    this.#fileBytes = fileBytes;
  }

  /** Steps over `bytes` and returns where they start.
   *  @throws {ModelFormatError} the file ends before them */
  take(bytes: number): number {
    const start = this.pos;
    const end = start + bytes;
    if (end > this.#window.length) {
      if (end > this.#fileBytes) {
        throw new ModelFormatError(
          `truncated: ${this.field} needs bytes ${start}..${end}, file has ${this.#fileBytes}`,
        );
      }
      if (end > LIMITS.headerBytes) throw this.#tooLong("header", end, LIMITS.headerBytes);
      throw new WindowTooSmall(end);
    }
    this.pos = end;
    return start;
  }

  /** Checks that `bytes` more exist in the file without stepping over them. */
  expect(bytes: number): void {
    const start = this.pos;
    this.take(bytes);
    this.pos = start;
  }

  u32(): number {
    return this.#window.readUInt32LE(this.take(4));
  }

  /** A 64-bit count, length or offset. */
  u64(what: string, limit: number = Number.MAX_SAFE_INTEGER): number {
    const at = this.take(8);
    const value = this.#window.readUInt32LE(at) + this.#window.readUInt32LE(at + 4) * 2 ** 32;
    // Beyond 2^53 the sum is inexact, so the message quotes the exact value.
    if (value > limit) throw this.#tooLong(what, this.#window.readBigUInt64LE(at), limit, at);
    return value;
  }

  /** `count` strings in a row. Vocabularies have some 400 k of them: this loop is most of the time
   *  that a header takes, hence the inlined fast path. */
  strings(count: number): string[] {
    const window = this.#window;
    const out: string[] = [];
    for (let i = 0; i < count; i++) {
      const at = this.pos + 8;
      const end = at <= window.length ? at + window.readUInt32LE(this.pos) : at;
      const isPlain = end <= window.length && end - at <= LIMITS.stringBytes;
      if (isPlain && window.readUInt32LE(this.pos + 4) === 0) {
        out.push(window.toString("utf8", at, end));
        this.pos = end;
      } else {
        out.push(this.string("string", LIMITS.stringBytes));
      }
    }
    return out;
  }

  string(what: string, limit: number): string {
    const bytes = this.u64(`${what} length`, limit);
    const at = this.take(bytes);
    return this.#window.toString("utf8", at, at + bytes);
  }

  scalar(type: GgufScalarType): MetadataScalar {
    return SCALAR_READERS[type](this, this.#window);
  }

  #tooLong(what: string, value: number | bigint, limit: number, at = this.pos): ModelFormatError {
    return new ModelFormatError(
      `${this.field}: ${what} ${value} is beyond the limit of ${limit} (byte ${at})`,
    );
  }
}

type ScalarReader = (cursor: Cursor, window: Buffer) => MetadataScalar;

const SCALAR_READERS: Readonly<Record<GgufScalarType, ScalarReader>> = {
  uint8: (cursor, window) => window.readUInt8(cursor.take(1)),
  int8: (cursor, window) => window.readInt8(cursor.take(1)),
  uint16: (cursor, window) => window.readUInt16LE(cursor.take(2)),
  int16: (cursor, window) => window.readInt16LE(cursor.take(2)),
  uint32: (cursor, window) => window.readUInt32LE(cursor.take(4)),
  int32: (cursor, window) => window.readInt32LE(cursor.take(4)),
  float32: (cursor, window) => window.readFloatLE(cursor.take(4)),
  bool: readBool,
  string: (cursor) => cursor.string("string", LIMITS.stringBytes),
  uint64: (cursor, window) => window.readBigUInt64LE(cursor.take(8)),
  int64: (cursor, window) => window.readBigInt64LE(cursor.take(8)),
  float64: (cursor, window) => window.readDoubleLE(cursor.take(8)),
};

function readBool(cursor: Cursor, window: Buffer): boolean {
  const at = cursor.take(1);
  const byte = window.readUInt8(at);
  if (byte > 1) {
    throw new ModelFormatError(`${cursor.field}: bool is neither 0 nor 1 but ${byte} (byte ${at})`);
  }
  return byte === 1;
}
