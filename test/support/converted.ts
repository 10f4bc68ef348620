import { join } from "node:path";
import { openModelSource } from "../../src/checkpoint/open.ts";
import type { ModelSource } from "../../src/checkpoint/source.ts";
import {
  type ConvertOptions,
  type ConvertResult,
  convertModel,
} from "../../src/convert/pipeline.ts";
import { loadAddon } from "../../src/engine/load-addon.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import type { GgufFile } from "../../src/gguf/types.ts";
import { tensorData } from "./gguf.ts";
import { tempDir } from "./temp-dir.ts";

/** Converts with the native addon; without an `output`, into a place that goes after the present test. */
export async function convertTo(
  model: string | ModelSource,
  options: Partial<ConvertOptions> & Pick<ConvertOptions, "outtype">,
): Promise<ConvertResult> {
  const source = typeof model === "string" ? await openForConversion(model) : model;
  const name = options.outtype === "safetensors" ? "out" : "out.gguf";
  const output = options.output ?? join(tempDir(), name);
  return convertModel(source, { addon: loadAddon(), ...options, output });
}

function openForConversion(path: string): Promise<ModelSource> {
  return openModelSource(path, { prefer: "checkpoint" });
}

/** Every weight of a model as a single-precision number, by way of an F32 file. */
export async function numbersOf(model: string | ModelSource): Promise<Map<string, Float32Array>> {
  const { output } = await convertTo(model, { outtype: "f32", embdType: "f32" });
  const file = await readGguf(output);
  return new Map(file.tensors.map(({ name }) => [name, floatsOf(file, name)]));
}

/** The numbers of an F32 tensor. */
export function floatsOf(file: GgufFile, name: string): Float32Array {
  const bytes = new Uint8Array(tensorData(file, name));
  return new Float32Array(bytes.buffer);
}
