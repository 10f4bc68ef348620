import { cp, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { POOLING_TYPES } from "../checkpoint/hf-pooling.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import { fileError } from "../gguf/files.ts";
import { type CheckpointFamily, checkpointConfig, tokenIds } from "./checkpoint-config.ts";
import type { FloatType } from "./out-types.ts";

/** Files of a checkpoint that say nothing about weights. */
const KEPT: readonly string[] = [
  "added_tokens.json",
  "chat_template.jinja",
  "config_sentence_transformers.json",
  "generation_config.json",
  "merges.txt",
  "modules.json",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "vocab.json",
];
/** Folder of sentence-transformers' pooling module. */
const POOLING_FOLDER = "1_Pooling";

/** Writes everything but the weights: config.json, and what of the original checkpoint is not about
 *  weights. A GGUF file has no tokenizer.json: that is noted.
 *  @throws {NotFoundError, ResourceError} the folder cannot be written to */
export async function writeCheckpointFiles(
  folder: string,
  model: ModelSource,
  family: CheckpointFamily,
  floats: FloatType,
): Promise<readonly string[]> {
  const write = (name: string, content: unknown): Promise<void> =>
    writeFile(join(folder, name), `${JSON.stringify(content, undefined, 2)}\n`);
  try {
    await write("config.json", checkpointConfig(model, family, floats));
    const kept = model.container === "safetensors" ? await keepFiles(model.path, folder) : [];
    const { metadata } = model;
    if (!kept.includes("generation_config.json")) {
      await write("generation_config.json", tokenIds(metadata));
    }
    const architecture = metadata.get("general.architecture")?.value;
    const pooling = metadata.get(`${architecture}.pooling_type`)?.value;
    if (pooling !== undefined && !kept.includes("modules.json")) {
      await writePooling(folder, Number(pooling), write);
    }
    if (kept.includes("tokenizer.json")) return [];
    return [
      "the tokenizer of a GGUF file is not written: add tokenizer.json of the original checkpoint",
    ];
  } catch (error) {
    throw fileError(error, "write", folder);
  }
}

async function keepFiles(from: string, to: string): Promise<readonly string[]> {
  const present = await readdir(from);
  const kept = KEPT.filter((name) => present.includes(name));
  for (const name of kept) await cp(join(from, name), join(to, name), { dereference: true });
  const pooling = join(from, POOLING_FOLDER, "config.json");
  const hasPooling = await stat(pooling).then(
    () => true,
    () => false,
  );
  if (hasPooling) {
    await mkdir(join(to, POOLING_FOLDER));
    await cp(pooling, join(to, POOLING_FOLDER, "config.json"), { dereference: true });
  }
  return kept;
}

async function writePooling(
  folder: string,
  type: number,
  write: (name: string, content: unknown) => Promise<void>,
): Promise<void> {
  const library = "sentence_transformers.models";
  await write("modules.json", [
    { idx: 0, name: "0", path: "", type: `${library}.Transformer` },
    { idx: 1, name: "1", path: POOLING_FOLDER, type: `${library}.Pooling` },
    { idx: 2, name: "2", path: "2_Normalize", type: `${library}.Normalize` },
  ]);
  await mkdir(join(folder, POOLING_FOLDER));
  await write(join(POOLING_FOLDER, "config.json"), {
    pooling_mode_cls_token: type === POOLING_TYPES.cls,
    pooling_mode_mean_tokens: type === POOLING_TYPES.mean,
    pooling_mode_lasttoken: type === POOLING_TYPES.last,
  });
}
