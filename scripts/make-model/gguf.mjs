// Writes a model as a GGUF file: I2_S projections, F32 norms, embeddings of a chosen type. The file
// equals what `bitnet convert` makes of the packed checkpoint with the same shape and seed.
import { basename } from "node:path";
import { ggufTypeOf } from "../../dist/checkpoint/encodings.js";
import { readHfConfig } from "../../dist/checkpoint/hf-config.js";
import { hfMetadata } from "../../dist/checkpoint/hf-metadata.js";
import { JsonObject } from "../../dist/checkpoint/json.js";
import { readTokenizerJson } from "../../dist/checkpoint/tokenizer-json.js";
import { tokenizerMetadata } from "../../dist/checkpoint/tokenizer-metadata.js";
import { openGgufWriter } from "../../dist/gguf/writer.js";
import { configFiles } from "./families.mjs";
import { quarterToI2s } from "./quarters.mjs";

/** @typedef {import("./model.mjs").Tensor} Tensor */
/** @typedef {"f16" | "q8_0" | "q6_k"} EmbdType */

const BLOCK_ROWS = 1024;
const QUARTERS = [0, 1, 2, 3];
const TAIL_BYTES = 32;

/** @param {string} path @param {Tensor[]} tensors @param {import("./presets.mjs").Shape} shape
 *  @param {import("./tokenizer.mjs").TokenizerFiles} tokenizer
 *  @param {import("./families.mjs").Family} family @param {EmbdType} embdType */
export async function writeGguf(path, tensors, shape, tokenizer, family, embdType) {
  if (!/^bitnet/.test(family.name)) {
    throw new Error(`make a packed ${family.name} checkpoint, and convert it: bitnet convert`);
  }
  const name = basename(path).replace(/\.gguf$/, "");
  const metadata = modelMetadata(name, shape, tokenizer, family);
  const encodings = { norm: "f32", ternary: "i2_s", embedding: embdType };
  const plan = tensors.map(({ role, gguf, rows, cols }) => ({
    name: gguf,
    dims: role === "norm" ? [cols] : [cols, rows],
    type: ggufTypeOf(encodings[role]),
  }));
  const encode = await rowEncoder(embdType);
  const writer = await openGgufWriter(path, metadata, plan);
  try {
    for (const tensor of tensors) {
      for (const chunk of CHUNKS[tensor.role](tensor)) {
        const { buffer, byteOffset, byteLength } = chunk;
        const bytes = new Uint8Array(buffer, byteOffset, byteLength);
        const isEmbedding = tensor.role === "embedding";
        await writer.append(tensor.gguf, isEmbedding ? await encode(bytes, tensor.cols) : bytes);
      }
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function modelMetadata(name, shape, tokenizer, family) {
  const files = configFiles(shape, tokenizer, family, "packed");
  const json = (file) => new JsonObject(file, files[file]);
  const config = readHfConfig(json("config.json"), json("generation_config.json"));
  const { entries } = tokenizerMetadata({
    tokenizer: readTokenizerJson(JSON.stringify(files["tokenizer.json"]), ""),
    settings: json("tokenizer_config.json"),
    templateFile: undefined,
    config,
  });
  return hfMetadata(name, config, [{ encoding: "hf_packed" }], entries);
}

const CHUNKS = {
  /** @param {import("./model.mjs").NormTensor} tensor */
  norm: ({ weights }) => [weights().f32],
  /** @param {import("./model.mjs").EmbeddingTensor} tensor */
  embedding: ({ table, blocks }) => blocks(table.f16, BLOCK_ROWS),
  /** @param {import("./model.mjs").TernaryTensor} tensor */
  *ternary({ packed, scale }) {
    const bytes = packed();
    for (const quarter of QUARTERS) yield quarterToI2s(bytes, quarter);
    const tail = Buffer.alloc(TAIL_BYTES);
    tail.writeFloatLE(scale);
    yield tail;
  },
};

/** Turns f16 rows into rows of `to`; only quantised types need the native addon.
 *  @param {EmbdType} to */
async function rowEncoder(to) {
  if (to === "f16") return (data) => data;
  const { loadAddon } = await import("../../dist/engine/load-addon.js");
  const addon = await loadAddon();
  return async (data, cols) => {
    const rows = data.length / (2 * cols);
    return (await addon.convert({ from: "f16", to, rows, cols, data })).bytes;
  };
}
