import { basename, join, resolve } from "node:path";
import { type HfConfig, readHfConfig } from "./hf-config.ts";
import { hfMetadata } from "./hf-metadata.ts";
import { readPooling, withEmbeddingEnd } from "./hf-pooling.ts";
import { mapTensors } from "./hf-tensors.ts";
import { readJson, readJsonIfPresent, readText } from "./json.ts";
import { readSafetensors } from "./safetensors.ts";
import type { ModelSource } from "./source.ts";
import { readTokenizerJson } from "./tokenizer-json.ts";
import { type TokenizerMetadata, tokenizerMetadata } from "./tokenizer-metadata.ts";

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
  const tokenizer = await readTokenizer(folder, names, config);
  const pooling = await readPooling(folder, names);
  const entries =
    pooling === undefined
      ? tokenizer.entries
      : withEmbeddingEnd(tokenizer.entries, config.architecture);
  return {
    container: "safetensors",
    path: folder,
    files: checkpoint.files,
    metadata: hfMetadata(basename(resolve(folder)), config, tensors, entries, pooling),
    tensors,
    notes: [...config.notes, ...tokenizer.notes],
  };
}

/** The tokenizer as metadata; nothing of it, and a note, when there is no tokenizer.json. */
async function readTokenizer(
  folder: string,
  names: readonly string[],
  config: HfConfig,
): Promise<TokenizerMetadata> {
  if (!names.includes("tokenizer.json")) {
    return { entries: [], notes: ["tokenizer.json is missing: the model cannot read text"] };
  }
  return tokenizerMetadata({
    tokenizer: readTokenizerJson(await readText(join(folder, "tokenizer.json")), folder),
    settings: await readJsonIfPresent(folder, "tokenizer_config.json", names),
    // transformers saves the template to a file of its own since 4.52, and prefers it.
    templateFile: names.includes("chat_template.jinja")
      ? await readText(join(folder, "chat_template.jinja"))
      : undefined,
    config,
  });
}
