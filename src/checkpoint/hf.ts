import { basename, join, resolve } from "node:path";
import { readHfConfig } from "./hf-config.ts";
import { hfMetadata } from "./hf-metadata.ts";
import { mapTensors } from "./hf-tensors.ts";
import { readJson, readJsonIfPresent, readText } from "./json.ts";
import { readSafetensors } from "./safetensors.ts";
import type { ModelSource } from "./source.ts";
import { readTokenizerJson } from "./tokenizer-json.ts";
import { tokenizerMetadata } from "./tokenizer-metadata.ts";

/** Opens a Hugging Face checkpoint folder, whose entries are `names`.
 *  @throws {ModelFormatError} a damaged or contradictory file
 *  @throws {UnsupportedError} a model family, dtype or option that we do not know
 *  @throws {NotFoundError} a file is missing or cannot be read */
export async function openCheckpoint(
  folder: string,
  names: readonly string[],
): Promise<ModelSource> {
  const generation = await readJsonIfPresent(folder, "generation_config.json", names);
  const config = readHfConfig(await readJson(folder, "config.json"), generation);
  const checkpoint = await readSafetensors(resolve(folder), names);
  const tensors = await mapTensors(config, checkpoint);
  const tokenizer = tokenizerMetadata({
    tokenizer: readTokenizerJson(await readText(join(folder, "tokenizer.json")), folder),
    settings: await readJsonIfPresent(folder, "tokenizer_config.json", names),
    // transformers saves the template to a file of its own since 4.52, and prefers it.
    templateFile: names.includes("chat_template.jinja")
      ? await readText(join(folder, "chat_template.jinja"))
      : undefined,
    config,
  });
  return {
    container: "safetensors",
    path: folder,
    files: checkpoint.files,
    metadata: hfMetadata(basename(resolve(folder)), config, tensors, tokenizer.entries),
    tensors,
    notes: tokenizer.notes,
  };
}
