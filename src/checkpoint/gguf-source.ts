import { resolve } from "node:path";
import { ModelFormatError, UnsupportedError } from "../errors.ts";
import { readGguf } from "../gguf/reader.ts";
import type { GgufTensor } from "../gguf/types.ts";
import { encodingOf, type I2sLayout } from "./encodings.ts";
import type { ModelSource, TensorSource } from "./source.ts";

/** The layout of published files; nothing in a file says otherwise. */
const DEFAULT_LAYOUT: I2sLayout = "i2_s";

/** Opens a GGUF file as a model.
 *  @throws {UnsupportedError} a tensor type that this build cannot compute with, or a split file
 *  @throws {ModelFormatError, NotFoundError} as `readGguf` */
export async function openGgufSource(
  path: string,
  i2sLayout: I2sLayout = DEFAULT_LAYOUT,
): Promise<ModelSource> {
  const file = await readGguf(path);
  const parts = Number(file.metadata.get("split.count")?.value ?? 1);
  if (parts > 1) {
    throw new UnsupportedError(`${path} is one of ${parts} parts of a split model`, {
      hint: "join the parts first (llama.cpp: llama-gguf-split --merge)",
    });
  }
  if (file.tensors.length === 0) throw new ModelFormatError(`${path} holds no tensors`);
  const tensors = file.tensors.map((tensor) => toSource(tensor, i2sLayout));
  const { metadata } = file;
  return { container: "gguf", path, files: [resolve(path)], metadata, tensors, notes: [] };
}

function toSource(tensor: GgufTensor, i2sLayout: I2sLayout): TensorSource {
  const { name, dims, type, offset, bytes } = tensor;
  const encoding = encodingOf(type, i2sLayout);
  if (!encoding) {
    throw new UnsupportedError(`tensor type ${type.name} in ${name} is not supported`);
  }
  const [cols = 1, rows = 1, ...more] = dims;
  if (more.some((dim) => dim !== 1)) {
    throw new UnsupportedError(`tensor ${name} has ${dims.length} dimensions, expected 1 or 2`);
  }
  return { name, rows, cols, encoding, file: 0, offset, bytes };
}
