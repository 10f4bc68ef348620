// Writes a model as a Hugging Face checkpoint folder.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AtomicFile } from "../../dist/gguf/atomic-file.js";
import { configFiles, isDivided } from "./families.mjs";
import { quarterToMasters, quarterToNumbers } from "./quarters.mjs";
import { fromBf16, toBf16 } from "./weights.mjs";

/** @typedef {import("./model.mjs").Tensor} Tensor */

const BLOCK_ROWS = 1024;
const QUARTERS = [0, 1, 2, 3];

/** @typedef {object} Entry
 *  @property {string} name @property {string} dtype @property {number[]} shape
 *  @property {number} bytes @property {() => Iterable<ArrayBufferView>} chunks */

/** @param {string} folder @param {Tensor[]} tensors @param {import("./presets.mjs").Shape} shape
 *  @param {import("./tokenizer.mjs").TokenizerFiles} tokenizer
 *  @param {import("./families.mjs").Family} family @param {import("./families.mjs").Form} form
 *  @param {number} group unpacked weights that share a scale; 0: a whole row */
export async function writeCheckpoint(folder, tensors, shape, tokenizer, family, form, group) {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(configFiles(shape, tokenizer, family, form))) {
    writeFileSync(join(folder, name), `${JSON.stringify(content, undefined, 1)}\n`);
  }
  const divided = isDivided(family);
  const entries = tensors.flatMap((tensor) => FORMS[tensor.role](tensor, { form, divided, group }));
  await writeSafetensors(join(folder, "model.safetensors"), entries);
}

const FORMS = {
  /** @param {import("./model.mjs").NormTensor} tensor @returns {Entry[]} */
  norm: ({ hf, cols, weights }) => [
    { name: hf, dtype: "BF16", shape: [cols], bytes: 2 * cols, chunks: () => [weights().bf16] },
  ],
  /** @param {import("./model.mjs").EmbeddingTensor} tensor @returns {Entry[]} */
  embedding: ({ hf, rows, cols, table, blocks }) => [
    {
      name: hf,
      dtype: "BF16",
      shape: [rows, cols],
      bytes: 2 * rows * cols,
      chunks: () => blocks(table.bf16, BLOCK_ROWS),
    },
  ],
  /** @param {import("./model.mjs").TernaryTensor} tensor @returns {Entry[]} */
  ternary: (tensor, { form, divided, group }) =>
    form === "packed"
      ? packedEntries(tensor, divided)
      : [form === "masters" ? masterEntry(tensor) : unpackedEntry(tensor, group)],
};

function packedEntries({ hf, rows, cols, scale, packed }, divided) {
  return [
    {
      name: hf,
      dtype: "U8",
      shape: [rows / 4, cols],
      bytes: (rows / 4) * cols,
      chunks: () => [packed()],
    },
    {
      name: `${hf}_scale`,
      dtype: "BF16",
      shape: [1],
      bytes: 2,
      chunks: () => [Uint16Array.of(toBf16(divided ? 1 / fromBf16(toBf16(scale)) : scale))],
    },
  ];
}

function masterEntry({ hf, rows, cols, scale, packed }) {
  return {
    name: hf,
    dtype: "BF16",
    shape: [rows, cols],
    bytes: 2 * rows * cols,
    *chunks() {
      const bytes = packed();
      for (const quarter of QUARTERS) yield quarterToMasters(bytes, quarter, scale);
    },
  };
}

function unpackedEntry({ hf, rows, cols, scale, packed }, group) {
  return {
    name: hf,
    dtype: "F16",
    shape: [rows, cols],
    bytes: 2 * rows * cols,
    *chunks() {
      const bytes = packed();
      const scales = { scale, group: group || cols };
      for (const quarter of QUARTERS) yield quarterToNumbers(bytes, quarter, cols, scales);
    },
  };
}

/** @param {string} path @param {Entry[]} entries */
async function writeSafetensors(path, entries) {
  const header = { __metadata__: { format: "pt" } };
  let end = 0;
  for (const { name, dtype, shape, bytes } of entries) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = await AtomicFile.create(path, 8 + padded.length + end);
  try {
    await file.write(length);
    await file.write(padded);
    for (const { chunks } of entries) {
      for (const { buffer, byteOffset, byteLength } of chunks()) {
        await file.write(new Uint8Array(buffer, byteOffset, byteLength));
      }
    }
    await file.commit();
  } catch (error) {
    await file.abort();
    throw error;
  }
}
