import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { NotFoundError, UsageError } from "../errors.ts";
import { errorCode, fileError } from "../gguf/files.ts";
import { type GgufOptions, openGgufSource } from "./gguf-source.ts";
import { openCheckpoint } from "./hf.ts";
import { nearestSibling } from "./near-misses.ts";
import type { ModelSource } from "./source.ts";

export interface OpenOptions extends GgufOptions {
  /** What a folder that holds both a GGUF file and a checkpoint stands for: to run, the GGUF file
   *  (the default); to convert, the checkpoint, since the GGUF file is likely its conversion. */
  readonly prefer?: "gguf" | "checkpoint";
}

/** Opens a model: a GGUF file, a folder with exactly one GGUF file, or a Hugging Face checkpoint
 *  folder. Of several GGUF files none is preferred: which one was meant is asked for.
 *  @throws {NotFoundError}    nothing there, unreadable, or a folder without a model
 *  @throws {UsageError}       a folder with several GGUF files
 *  @throws {ModelFormatError} a damaged file
 *  @throws {UnsupportedError} a model that this build does not know */
export async function openModelSource(
  path: string,
  options: OpenOptions = {},
): Promise<ModelSource> {
  if (!(await isFolder(path))) return openGgufSource(path, options);
  const names = await list(path);
  const ggufs = names.filter((name) => /\.gguf$/i.test(name));
  const isCheckpoint = names.includes("config.json");
  if (isCheckpoint && (ggufs.length === 0 || options.prefer === "checkpoint")) {
    return openCheckpoint(path, names);
  }
  const [only, ...others] = ggufs;
  if (only === undefined) throw nothingIn(path, names);
  if (others.length > 0) {
    throw new UsageError(`${path} holds several models: ${ggufs.join(", ")}`, {
      hint: `name one of them, e.g. ${join(path, only)}`,
    });
  }
  return openGgufSource(join(path, only), options);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOENT" && code !== "ENOTDIR") throw fileError(error, "read", path);
    const near = await nearestSibling(path);
    throw new NotFoundError(`no such file or directory: ${path}`, {
      hint: near === undefined ? undefined : `did you mean ${near}?`,
      cause: error,
    });
  }
}

/** Visible entries of a folder, sorted. */
async function list(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => !name.startsWith(".")).sort();
  } catch (error) {
    throw fileError(error, "read", folder);
  }
}

function nothingIn(folder: string, names: readonly string[]): NotFoundError {
  const what = names.length === 0 ? "is empty" : "holds neither a GGUF file nor a config.json";
  return new NotFoundError(`no model in ${folder}: the folder ${what}`, {
    hint: "name a .gguf file or a folder with config.json, tokenizer.json and *.safetensors",
  });
}
