import type { TensorType } from "./tensor-types.ts";

/** Scalar value types of GGUF metadata (spec: GGUF v3, "Value types"). */
export type GgufScalarType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "float32"
  | "bool"
  | "string"
  | "uint64"
  | "int64"
  | "float64";

export type MetadataScalar = number | bigint | boolean | string;

/** One metadata value with its type on disk; 64-bit integers are bigint. */
export type MetadataEntry =
  | { readonly type: GgufScalarType; readonly value: MetadataScalar }
  | {
      readonly type: "array";
      readonly itemType: GgufScalarType;
      readonly value: readonly MetadataScalar[];
    };

/** Metadata of a model in file order, keyed as in GGUF (`general.architecture`, ...). */
export type Metadata = ReadonlyMap<string, MetadataEntry>;

/** One row of a file's tensor table, checked against the file's size. */
export interface GgufTensor {
  readonly name: string;
  /** Fastest-varying first: a weight of m outputs and k inputs is [k, m]. One to four, none 0. */
  readonly dims: readonly number[];
  readonly type: TensorType;
  /** Absolute byte offset in the file. */
  readonly offset: number;
  /** Byte length, tail included, padding excluded. */
  readonly bytes: number;
}

/** The header of a GGUF file. */
export interface GgufFile {
  readonly path: string;
  readonly version: number;
  readonly fileBytes: number;
  readonly alignment: number;
  /** Where tensor data starts. */
  readonly dataOffset: number;
  readonly metadata: Metadata;
  /** In file order. No two overlap and all lie within the file. */
  readonly tensors: readonly GgufTensor[];
}

/** Scalar types by their id on disk; the hole is the array, which is not a scalar. */
export const SCALAR_TYPES: readonly (GgufScalarType | undefined)[] = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "bool",
  "string",
  undefined,
  "uint64",
  "int64",
  "float64",
];

export const ARRAY_TYPE_ID = 9;

/** Bytes per value on disk; for a string, of its length field alone. */
export const SCALAR_BYTES: Readonly<Record<GgufScalarType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  uint64: 8,
  int64: 8,
  float64: 8,
};

export const GGUF_MAGIC = "GGUF";
export const DEFAULT_ALIGNMENT = 32;

/** Rounds a byte count up to the file's alignment. */
export function padTo(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
