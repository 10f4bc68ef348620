import type { TensorSource } from "../checkpoint/source.ts";
import type { Addon, ConversionLoss } from "../engine/binding.ts";
import { type OpenFile, readFully } from "../gguf/files.ts";
import { NO_LOSS } from "./loss.ts";
import { native } from "./native.ts";
import type { Job } from "./plan.ts";

/** The weights of a vector as numbers. */
export async function readNorm(
  { encoding: from, cols, offset, bytes }: TensorSource,
  file: OpenFile,
  addon: Pick<Addon, "convert">,
): Promise<Float32Array> {
  const data = Buffer.alloc(bytes);
  await readFully(file, data, offset);
  const converted = await native(addon.convert({ from, to: "f32", rows: 1, cols, data }));
  return Float32Array.from({ length: cols }, (_, i) =>
    Buffer.from(converted.bytes.buffer, converted.bytes.byteOffset + 4 * i, 4).readFloatLE(),
  );
}

/** The weights of a norm, each with `addend` added; a loss where subtracting it would not give them back. */
export async function convertNorm(
  { source, target, addend }: Job,
  file: OpenFile,
  addon: Pick<Addon, "convert">,
): Promise<{ bytes: Uint8Array; loss: ConversionLoss }> {
  const weights = await readNorm(source, file, addon);
  const moved = weights.map((w) => w + addend);
  const loss = addend > 0 ? NO_LOSS : lossOf(weights, moved);
  const data = new Uint8Array(moved.buffer);
  if (target === "f32") return { bytes: data, loss };
  const { bytes } = await native(
    addon.convert({ from: "f32", to: target, rows: 1, cols: source.cols, data }),
  );
  return { bytes, loss };
}

/** What the model, which adds 1 again, does not get back of its weights. */
function lossOf(weights: Float32Array, lessOne: Float32Array): ConversionLoss {
  const changes = weights
    .map((w, i) => Math.abs(Math.fround((lessOne[i] ?? 0) + 1) - w) / Math.abs(w))
    .filter((change) => change > 0);
  const maxRelative = changes.reduce((most, change) => Math.max(most, change), 0);
  return { ...NO_LOSS, weightsRounded: changes.length, maxRelative };
}
