import { stat } from "node:fs/promises";
import { dirname, extname } from "node:path";
import type { ModelSource } from "../checkpoint/source.ts";
import type { AddonAdapter } from "../engine/binding.ts";
import { hparamsOf } from "../engine/hparams.ts";
import type { Adapters } from "../engine/model.ts";
import { NotFoundError, UnsupportedError } from "../errors.ts";
import { fileError } from "../gguf/files.ts";
import { readGgufAdapter } from "./gguf.ts";
import { isLayerMatrix } from "./names.ts";
import { readPeftAdapter } from "./peft.ts";

/** A low-rank adapter (LoRA, arXiv:2106.09685) to apply to a model. */
export interface LoraOption {
  /** PEFT folder (or its adapter_model.safetensors), or GGUF adapter file. */
  readonly path: string;
  /** Factor on top of the adapter's own alpha / rank. Default 1; 0 leaves the adapter out. */
  readonly scale?: number | undefined;
}

/** What an adapter must fit. */
export interface AdapterBase {
  readonly family: string;
  readonly nHeads: number;
  readonly nKvHeads: number;
}

/** An adapter as its container states it: one file, scales without the user's factor. */
export interface AdapterFile {
  readonly file: string;
  readonly updates: readonly AddonAdapter[];
}

/** Reads adapters for a model: their tables alone, the weights are read when the model is loaded.
 *  The sum of all is applied, whatever their order.
 *  @throws {NotFoundError}    nothing there
 *  @throws {ModelFormatError} a damaged adapter
 *  @throws {UnsupportedError} an adapter that is no plain low-rank update of the layers' matrices
 *  @throws {UsageError}       an adapter of another model family, or no adapter at all */
export async function openAdapters(
  options: readonly LoraOption[],
  model: ModelSource,
): Promise<Adapters> {
  const files: string[] = [];
  const updates: AddonAdapter[] = [];
  const base = hparamsOf(model.metadata);
  for (const { path, scale = 1 } of options) {
    const adapter = await readAdapter(path, base);
    for (const { target } of adapter.updates) checkTarget(target, path, model);
    // Adding zeros could still turn -0 into 0.
    if (scale === 0) continue;
    const inFile = (tensor: AddonAdapter["a"]) => ({ ...tensor, file: files.length });
    for (const { target, scale: own, a, b } of adapter.updates) {
      updates.push({ target, scale: own * scale, a: inFile(a), b: inFile(b) });
    }
    files.push(adapter.file);
  }
  return { files, updates };
}

async function readAdapter(path: string, base: AdapterBase): Promise<AdapterFile> {
  if (await isFolder(path)) return readPeftAdapter(path);
  if (extname(path) === ".safetensors") return readPeftAdapter(dirname(path));
  return readGgufAdapter(path, base);
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(error, "read", path);
  });
  if (found.isDirectory() || found.isFile()) return found.isDirectory();
  throw new NotFoundError(`cannot read ${path}: not a regular file`);
}

/** Whether the matrix is there and has the right shape is seen when it is loaded. */
function checkTarget(target: string, path: string, model: ModelSource): void {
  if (!isLayerMatrix(target)) {
    throw new UnsupportedError(`${path} changes ${target}: only matrices of layers can be adapted`);
  }
  // Such a matrix norms its own input. Adapters are trained on the input before that norm, which the
  // engine does not keep.
  const norm = target.replace(/\.weight$/, "_norm_in.weight");
  if (model.tensors.some(({ name }) => name === norm)) {
    throw new UnsupportedError(
      `${path} changes ${target}, which norms its own input: such adapters are not supported`,
    );
  }
}
