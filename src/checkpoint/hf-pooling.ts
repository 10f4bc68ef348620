import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ModelFormatError } from "../errors.ts";
import type { MetadataEntry } from "../gguf/types.ts";
import type { Architecture } from "./architectures/architecture.ts";
import { type JsonObject, parseJson, readJson, readText, show } from "./json.ts";

/** How an embedding model makes one vector of a text, by the numbers of llama.cpp. */
export const POOLING_TYPES = { mean: 1, cls: 2, last: 3 } as const;

/** Flags of sentence-transformers' pooling module. */
const MODES: readonly (readonly [flag: string, type: number])[] = [
  ["pooling_mode_lasttoken", POOLING_TYPES.last],
  ["pooling_mode_cls_token", POOLING_TYPES.cls],
  ["pooling_mode_mean_tokens", POOLING_TYPES.mean],
];

const MODULES = "modules.json";

/** Pooling of an embedding model in the form of sentence-transformers (modules.json and a folder, usually
 *  1_Pooling); undefined for every other checkpoint.
 *  @throws {ModelFormatError} a damaged file */
export async function readPooling(
  folder: string,
  names: readonly string[],
): Promise<number | undefined> {
  if (!names.includes(MODULES)) return undefined;
  const text = await readText(join(folder, MODULES));
  const root = parseJson(`{"modules": ${text}}`, join(folder, MODULES));
  const modules = (root.array("modules") ?? []).map((_, i) => root.item("modules", i));
  const pooling = modules.find((one) => one.string("type")?.endsWith(".Pooling"));
  if (!pooling) return undefined;
  const path = pooling.string("path") ?? "";
  // The file is untrusted: the module must lie in the folder itself.
  if (!/^\w[\w.-]*$/.test(path)) {
    throw new ModelFormatError(`${pooling.file}: path ${show(path)} is not a folder's name`);
  }
  const inside = await readdir(join(folder, path)).catch((): string[] => []);
  if (!inside.includes("config.json")) return POOLING_TYPES.mean;
  return poolingType(await readJson(join(folder, path), "config.json"));
}

function poolingType(config: JsonObject): number {
  const found = MODES.find(([flag]) => config.boolean(flag));
  return found?.[1] ?? POOLING_TYPES.mean;
}

type Pair = readonly [string, MetadataEntry];

/** The tokenizer's metadata with the end that the family's embedding models put after a text. */
export function withEmbeddingEnd(
  entries: readonly Pair[],
  { embeddingEnd }: Architecture,
): readonly Pair[] {
  const metadata = new Map(entries);
  const tokens = metadata.get("tokenizer.ggml.tokens");
  const id = tokens?.type === "array" ? tokens.value.indexOf(embeddingEnd ?? "") : -1;
  if (embeddingEnd === undefined || id < 0) return entries;
  metadata.set("tokenizer.ggml.eos_token_id", { type: "uint32", value: id });
  metadata.set("tokenizer.ggml.add_eos_token", { type: "bool", value: true });
  return [...metadata];
}
