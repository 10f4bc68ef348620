import type { Metadata, MetadataEntry } from "../gguf/types.ts";
import { BITNET, LAYERS_OF_1BITLLM } from "./architectures/bitnet.ts";
import type { HfConfig } from "./hf-config.ts";
import { yarnKeys } from "./hf-rope.ts";
import type { Encoding, TensorSource } from "./source.ts";

/** Values of `general.file_type`, as the programs write them that the formats come from; 40 is what
 *  published I2_S files say. Others give the same numbers other meanings: nobody should go by them. */
export const FILE_TYPES = {
  f32: 0,
  f16: 1,
  bf16: 32,
  tq1_0: 36,
  tq2_0: 37,
  tl1: 38,
  tl2: 39,
  i2_s: 40,
  q2_0: 41,
} as const;

const QUANTIZATION_VERSION = 2;

/** The metadata that a GGUF file of this checkpoint has, in the order of published files. */
export function hfMetadata(
  name: string,
  config: HfConfig,
  tensors: readonly TensorSource[],
  tokenizer: readonly (readonly [string, MetadataEntry])[],
  pooling?: number,
): Metadata {
  const { architecture, dims } = config;
  const own = (key: string): string => `${architecture.gguf}.${key}`;
  const headDimKeys = config.explicitHeadDim
    ? [own("attention.key_length"), own("attention.value_length")]
    : [];
  const hiddenAct: [string, MetadataEntry][] = isToldByFamily(config)
    ? []
    : [[own("hidden_act"), string(config.hiddenAct)]];
  return new Map<string, MetadataEntry>([
    ["general.architecture", string(architecture.gguf)],
    ["general.name", string(name)],
    [own("vocab_size"), uint32(dims.vocabSize)],
    [own("context_length"), uint32(config.contextLength)],
    [own("embedding_length"), uint32(dims.dModel)],
    [own("block_count"), uint32(config.nLayers)],
    [own("feed_forward_length"), uint32(dims.dFf)],
    [own("rope.dimension_count"), uint32(config.headDim)],
    [own("attention.head_count"), uint32(config.nHeads)],
    [own("attention.head_count_kv"), uint32(config.nKvHeads)],
    ...headDimKeys.map((key): [string, MetadataEntry] => [key, uint32(config.headDim)]),
    [own("attention.layer_norm_rms_epsilon"), float32(config.rmsNormEps)],
    [own("rope.freq_base"), float32(config.ropeTheta)],
    ...yarnKeys(config.yarn).map(([key, entry]): [string, MetadataEntry] => [own(key), entry]),
    ...hiddenAct,
    ["general.file_type", uint32(fileType(tensors))],
    ...(pooling === undefined ? [] : [[own("pooling_type"), uint32(pooling)] as const]),
    ...tokenizer,
    ["general.quantization_version", uint32(QUANTIZATION_VERSION)],
  ]);
}

/** Published files carry no activation key; it is written only where readers would guess another one. */
function isToldByFamily({ architecture, hiddenAct, nLayers }: HfConfig): boolean {
  if (architecture === BITNET && LAYERS_OF_1BITLLM.includes(nLayers)) return false;
  return hiddenAct === architecture.defaults.hiddenAct;
}

/** By what the projections are stored as. */
function fileType(tensors: readonly TensorSource[]): number {
  const encodings = new Set<Encoding>(tensors.map((tensor) => tensor.encoding));
  if (encodings.has("hf_packed")) return FILE_TYPES.i2_s;
  if (encodings.has("bf16")) return FILE_TYPES.bf16;
  return encodings.has("f16") ? FILE_TYPES.f16 : FILE_TYPES.f32;
}

function uint32(value: number): MetadataEntry {
  return { type: "uint32", value };
}

/** Rounded here, so that metadata of a checkpoint equals metadata read back from a file. */
function float32(value: number): MetadataEntry {
  return { type: "float32", value: Math.fround(value) };
}

function string(value: string): MetadataEntry {
  return { type: "string", value };
}
