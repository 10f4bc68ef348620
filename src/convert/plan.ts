import { ENCODINGS, payloadBytes } from "../checkpoint/encodings.ts";
import type { Encoding, ModelSource, TensorSource } from "../checkpoint/source.ts";
import { UnsupportedError } from "../errors.ts";

/** What the projections become. */
export type OutType = "i2_s" | "f16" | "f32";

/** What embeddings and the output matrix become. */
export type EmbdType = "f32" | "f16" | "bf16" | "q8_0" | "q6_k";

/** One tensor to convert. */
export interface Job {
  readonly source: TensorSource;
  readonly target: Encoding;
  /** Bytes in the output, without a tail. */
  readonly payloadBytes: number;
}

/** I2_S blocks hold 128 consecutive weights, whatever the rows. */
export const I2_S_BLOCK_ELEMS = 128;

/** Decides the output type of every tensor: projections `outType`, embeddings and output matrix
 *  `embdType`, vectors F32.
 *  @throws {UnsupportedError} a shape that does not fill the blocks of its type */
export function planJobs(
  model: ModelSource,
  outType: OutType,
  embdType: EmbdType | undefined,
): readonly Job[] {
  return model.tensors.map((source) => {
    const target = targetOf(source, outType, embdType);
    const bytes = payloadBytes(target, source.rows, source.cols);
    const fits = target !== "i2_s" || (source.rows * source.cols) % I2_S_BLOCK_ELEMS === 0;
    if (bytes !== undefined && fits) return { source, target, payloadBytes: bytes };
    const blockElems = fits ? ENCODINGS[target].blockElems : I2_S_BLOCK_ELEMS;
    throw new UnsupportedError(
      `${source.name} [${source.rows}, ${source.cols}] does not fill ${target} blocks of ${blockElems}`,
      { hint: target === "i2_s" ? "use --outtype f16" : "use --embd-type f16" },
    );
  });
}

function targetOf(source: TensorSource, outType: OutType, embdType?: EmbdType): Encoding {
  const { name, rows, encoding } = source;
  if (rows === 1) return "f32";
  if (name.startsWith("blk.")) return outType;
  if (embdType) return embdType;
  // Without a wish, what is quantised already stays as it is: it cannot get better.
  if (encoding === "q8_0" || encoding === "q6_k") return encoding;
  return outType === "f32" ? "f32" : "f16";
}
