import type { Metadata } from "../gguf/types.ts";

/** How the bytes of a tensor are to be read; the names are shared with `native/formats`. */
export type Encoding =
  | "f32"
  | "f16"
  | "bf16"
  | "q8_0"
  | "q6_k"
  | "q5_0"
  | "q4_0"
  | "q4_k"
  | "i2_s" // 128-weight groups, the layout of published files
  | "i2_s_group64"
  | "i2_s_row4"
  | "i2_s_seq_hi"
  | "i2_s_seq_lo"
  | "hf_packed" // uint8 [rows/4, cols], bits 2g..2g+1 belong to row quarter g
  | "tl1" // lookup tables of bitnet.cpp for ARM, in tiles
  | "tl2" // and for x86
  | "tq1_0"
  | "tq2_0"
  | "q2_0"
  | "q2_0_g128" // PQ2_0, and Q2_0 of older files
  | "q2_0_g128_d_last"
  | "ptq1_0"
  | "iq2_bn"
  | "iq1_bn";

/** One tensor of a model, wherever its bytes lie. All sizes are safe integers. */
export interface TensorSource {
  /** GGUF name, e.g. `blk.0.attn_q.weight`, whatever the container calls it. */
  readonly name: string;
  /** Outputs; 1 for a vector. Weights are [rows, cols] row-major. */
  readonly rows: number;
  /** Inputs (the reduction dimension, K). */
  readonly cols: number;
  readonly encoding: Encoding;
  /** Index into `ModelSource.files`. */
  readonly file: number;
  /** Absolute byte offset in that file. */
  readonly offset: number;
  /** Byte length, tail included. `offset + bytes` never exceeds the file. */
  readonly bytes: number;
  /** Weight scale of an `hf_packed` tensor, in the form that multiplies: w = trit * scale. */
  readonly scale?: number;
  /** Set on master weights (f32, f16, bf16) that are to be ternarised with scale = mean|W|. */
  readonly quantise?: "absmean";
  /** How a TL1 or TL2 tensor is cut into tiles; files do not say. */
  readonly tile?: TileParams;
  /** Set on norms whose weights are stored less 1: the model multiplies by 1 + w. */
  readonly plusOne?: true;
  /** Heads whose rows are in adjacent-pair order (GGUF files of family `llama`): row (h, 2i + j) of
   *  the tensor is row (h, j * d/2 + i) in the rotate-half order of checkpoints and of the engine. */
  readonly adjacentHeads?: number;
}

/** Tile parameters of TL1 and TL2 (spec: BM, BK and bm of their converter). */
export interface TileParams {
  readonly rows: number;
  readonly cols: number;
  readonly innerRows: number;
}

/** A model on disk, whatever its container: what the engine loads and what `convert` reads. */
export interface ModelSource {
  readonly container: "gguf" | "safetensors";
  /** What the user named, for messages. */
  readonly path: string;
  /** Data files, absolute paths. */
  readonly files: readonly string[];
  /** GGUF-style metadata; for a checkpoint directory it is derived from its JSON files. */
  readonly metadata: Metadata;
  readonly tensors: readonly TensorSource[];
  /** What the opener decided that a user may want to know, one clause each. */
  readonly notes: readonly string[];
}
