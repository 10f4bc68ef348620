import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tensorTypeByName } from "../../src/gguf/tensor-types.ts";
import type { MetadataEntry } from "../../src/gguf/types.ts";
import { openGgufWriter } from "../../src/gguf/writer.ts";
import { seededRandom } from "./random.ts";

/** One low-rank update: y += alpha / rank * b . (a . x). */
export interface TestUpdate {
  /** `layers.0.self_attn.q_proj` */
  readonly module: string;
  /** [rank, cols] */
  readonly a: Float32Array;
  /** [rows, rank] */
  readonly b: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

export interface TestAdapter {
  readonly rank: number;
  readonly alpha: number;
  readonly updates: readonly TestUpdate[];
}

const PROJECTIONS = {
  "self_attn.q_proj": ["attn_q", "q", "model"],
  "self_attn.k_proj": ["attn_k", "kv", "model"],
  "self_attn.v_proj": ["attn_v", "kv", "model"],
  "self_attn.o_proj": ["attn_output", "model", "q"],
  "mlp.gate_proj": ["ffn_gate", "ff", "model"],
  "mlp.up_proj": ["ffn_up", "ff", "model"],
  "mlp.down_proj": ["ffn_down", "model", "ff"],
} as const;
type Projection = keyof typeof PROJECTIONS;

export interface TestShape {
  readonly model: number;
  readonly q: number;
  readonly kv: number;
  readonly ff: number;
  readonly layers: number;
}

/** Golden model a. */
export const SHAPE_OF_A: TestShape = { model: 256, q: 256, kv: 128, ff: 384, layers: 2 };

/** Golden model c, of family llama: 4 heads, 2 of keys and values. */
export const SHAPE_OF_C: TestShape = { model: 256, q: 256, kv: 128, ff: 512, layers: 2 };

/** Random updates of every matrix, or of those whose module matches; of a size that moves logits by
 *  about their own spread. */
export function randomAdapter(
  shape: TestShape,
  options: { seed?: number; rank?: number; alpha?: number; only?: RegExp } = {},
): TestAdapter {
  const { seed = 1, rank = 4, alpha = 8, only = /./ } = options;
  const random = seededRandom(seed);
  const values = (n: number, size: number) =>
    Float32Array.from({ length: n }, () => (random(2001) / 1000 - 1) * size);
  const modules = Array.from({ length: shape.layers }, (_, layer) =>
    Object.keys(PROJECTIONS).map((name) => `layers.${layer}.${name}`),
  ).flat();
  const updates = modules
    .filter((module) => only.test(module))
    .map((module): TestUpdate => {
      const [, out, from] = PROJECTIONS[module.replace(/^layers\.\d+\./, "") as Projection];
      const [rows, cols] = [shape[out], shape[from]];
      const size = 1 / Math.sqrt(cols * rank);
      return { module, rows, cols, a: values(rank * cols, size), b: values(rows * rank, 0.5) };
    });
  return { rank, alpha, updates };
}

/** `blk.0.attn_q.weight`; of modules outside layers, the name itself. */
export function ggufName(module: string): string {
  const [, layer, name = ""] = /^layers\.(\d+)\.(.+)$/.exec(module) ?? [];
  const part = PROJECTIONS[name as Projection]?.[0];
  return part === undefined ? `${module}.weight` : `blk.${layer}.${part}.weight`;
}

/** Writes an adapter as PEFT does; `config` and `tensors` change or add what they name. */
export function writePeft(
  folder: string,
  adapter: TestAdapter,
  config: Readonly<Record<string, unknown>> = {},
  tensors: readonly RawTensor[] = peftTensors(adapter),
): void {
  mkdirSync(folder, { recursive: true });
  const { rank: r, alpha: lora_alpha } = adapter;
  const json = { peft_type: "LORA", r, lora_alpha, bias: "none", ...config };
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify(json));
  writeFileSync(join(folder, "adapter_model.safetensors"), safetensors(tensors));
}

export interface RawTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export function peftTensors({ rank, updates }: TestAdapter, prefix = "model."): RawTensor[] {
  return updates.flatMap(({ module, a, b, rows, cols }) => {
    const name = `base_model.model.${prefix}${module}`;
    return [
      { name: `${name}.lora_A.weight`, shape: [rank, cols], values: a },
      { name: `${name}.lora_B.weight`, shape: [rows, rank], values: b },
    ];
  });
}

export function safetensors(tensors: readonly RawTensor[]): Buffer {
  let end = 0;
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [end, end + values.byteLength] };
    end += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = tensors.map(({ values }) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  );
  return Buffer.concat([length, json, ...data]);
}

export interface GgufAdapterOptions {
  readonly family?: string;
  /** Metadata on top of, or in place of, what the converter writes; undefined takes a key away. */
  readonly metadata?: Readonly<Record<string, MetadataEntry | undefined>>;
  /** Heads of the rows of query and key that the converter permutes (family llama). */
  readonly permute?: { readonly q: number; readonly k: number };
}

/** Writes an adapter as llama.cpp's convert_lora_to_gguf.py does. */
export async function writeGgufAdapter(
  path: string,
  { rank, alpha, updates }: TestAdapter,
  { family = "bitnet-b1.58", metadata = {}, permute }: GgufAdapterOptions = {},
): Promise<void> {
  const entries: Record<string, MetadataEntry | undefined> = {
    "general.type": { type: "string", value: "adapter" },
    "general.architecture": { type: "string", value: family },
    "adapter.type": { type: "string", value: "lora" },
    "adapter.lora.alpha": { type: "float32", value: alpha },
    ...metadata,
  };
  const kept = Object.entries(entries).filter((pair): pair is [string, MetadataEntry] => !!pair[1]);
  const type = tensorTypeByName("F32");
  if (!type) throw new Error("no type F32");
  const tensors = updates.flatMap(({ module, a, b, rows, cols }) => {
    const name = ggufName(module);
    const heads = /q_proj$/.test(module)
      ? permute?.q
      : /k_proj$/.test(module)
        ? permute?.k
        : undefined;
    const stored = heads ? permuteRows(b, rows, rank, heads) : b;
    return [
      { name: `${name}.lora_a`, dims: [cols, rank], type, values: a },
      { name: `${name}.lora_b`, dims: [rank, rows], type, values: stored },
    ];
  });
  const writer = await openGgufWriter(path, new Map(kept), tensors);
  for (const { name, values } of tensors) {
    await writer.append(name, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  await writer.finish();
}

/** Row (h, j * d/2 + i) goes to row (h, 2i + j), as LlamaModel.permute of llama.cpp has it. */
export function permuteRows(
  b: Float32Array,
  rows: number,
  width: number,
  heads: number,
): Float32Array {
  const out = new Float32Array(b.length);
  const d = rows / heads;
  for (let row = 0; row < rows; row++) {
    const [h, within] = [Math.floor(row / d), row % d];
    const [j, i] = [Math.floor(within / (d / 2)), within % (d / 2)];
    out.set(b.subarray(row * width, (row + 1) * width), (h * d + 2 * i + j) * width);
  }
  return out;
}
