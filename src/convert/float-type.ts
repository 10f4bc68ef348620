import type { ModelSource, TensorSource } from "../checkpoint/source.ts";
import { UsageError } from "../errors.ts";
import { type EmbdType, FLOATS, type FloatType, type OutType } from "./out-types.ts";

/** The type of all numbers of an output, where it has to be one: transformers computes with what it finds in
 *  a packed checkpoint and mixes nothing. It is the type asked for, or else the smallest of those that keep
 *  every number without looking at all of them.
 *  @throws {UsageError} a type that checkpoints do not have */
export function floatTypeOf(
  { tensors }: ModelSource,
  outtype: OutType,
  asked: EmbdType | undefined,
): FloatType | undefined {
  if (outtype !== "safetensors") return undefined;
  if (asked === undefined) return tensors.every(isInBf16) ? "bf16" : "f32";
  const type = FLOATS.find((float) => float === asked);
  if (type) return type;
  throw new UsageError(`numbers of a checkpoint are ${FLOATS.join(", ")}, not ${asked}`, {
    hint: "leave out --embd-type, or name one of these",
  });
}

/** bf16 numbers, or trits with a scale that is one. */
function isInBf16({ encoding, quantise, scale }: TensorSource): boolean {
  if (encoding === "hf_packed") return scale !== undefined && isBf16(scale);
  return encoding === "bf16" && quantise === undefined;
}

/** bf16 is the upper half of an f32. */
function isBf16(value: number): boolean {
  const [bits = 1] = new Uint32Array(Float32Array.of(value).buffer);
  return Math.fround(value) === value && (bits & 0xffff) === 0;
}
