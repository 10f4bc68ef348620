import type { ModelSource, TensorSource } from "../checkpoint/source.ts";
import type { Metadata, MetadataEntry } from "../gguf/types.ts";
import { choosePreTokenizer } from "../tokenizer/pre-choice.ts";

/** What a model file says about itself, as `info --json` prints it. Fields are only ever added. */
export interface ModelSummary {
  readonly path: string;
  readonly container: string;
  readonly name: string | undefined;
  readonly family: string | undefined;
  readonly parameters: number;
  readonly weightBytes: number;
  readonly shape: Readonly<Partial<Record<ShapeKey, number>>>;
  readonly tensorTypes: readonly TensorTypeSummary[];
  readonly tokenizer: {
    readonly model: string | undefined;
    readonly pre: string | undefined;
    readonly vocabSize: number | undefined;
  };
  readonly chatTemplate: boolean;
  readonly notes: readonly string[];
}

export interface TensorTypeSummary {
  readonly type: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

/** Our names of the hyper-parameters, and the GGUF keys behind `<family>.`. */
const SHAPE_KEYS = {
  contextLength: "context_length",
  nLayers: "block_count",
  dModel: "embedding_length",
  dFf: "feed_forward_length",
  nHeads: "attention.head_count",
  nKvHeads: "attention.head_count_kv",
} as const;
type ShapeKey = keyof typeof SHAPE_KEYS;

export function summarizeModel(source: ModelSource): ModelSummary {
  const { metadata, tensors } = source;
  const family = text(metadata, "general.architecture");
  const shape: Partial<Record<ShapeKey, number>> = {};
  for (const [key, suffix] of Object.entries(SHAPE_KEYS)) {
    const value = number(metadata, `${family}.${suffix}`);
    if (value !== undefined) shape[key as ShapeKey] = value;
  }
  return {
    path: source.path,
    container: source.container,
    name: text(metadata, "general.name"),
    family,
    parameters: sum(tensors, countParameters),
    weightBytes: sum(tensors, ({ bytes }) => bytes),
    shape,
    tensorTypes: groupByType(tensors),
    tokenizer: {
      model: text(metadata, "tokenizer.ggml.model"),
      pre: text(metadata, "tokenizer.ggml.pre"),
      vocabSize: arrayLength(metadata.get("tokenizer.ggml.tokens")),
    },
    chatTemplate: metadata.has("tokenizer.chat_template"),
    notes: [...source.notes, ...inferredPre(metadata)],
  };
}

/** What running the model would say about a pre-tokenizer that its file does not name. */
function inferredPre(metadata: Metadata): readonly string[] {
  const tokens = metadata.get("tokenizer.ggml.tokens");
  const isByteLevel = text(metadata, "tokenizer.ggml.model") === "gpt2";
  if (!isByteLevel || metadata.has("tokenizer.ggml.pre") || tokens?.type !== "array") return [];
  return choosePreTokenizer(metadata, tokens.value.map(String), undefined).notes;
}

function groupByType(tensors: readonly TensorSource[]): readonly TensorTypeSummary[] {
  const rows = [...new Set(tensors.map(({ encoding }) => encoding))].map((type) => {
    const group = tensors.filter(({ encoding }) => encoding === type);
    return {
      type,
      tensors: group.length,
      parameters: sum(group, countParameters),
      bytes: sum(group, ({ bytes }) => bytes),
    };
  });
  return rows.sort((a, b) => b.bytes - a.bytes);
}

function countParameters({ rows, cols }: TensorSource): number {
  return rows * cols;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function text(metadata: Metadata, key: string): string | undefined {
  const entry = metadata.get(key);
  return entry?.type === "string" ? String(entry.value) : undefined;
}

function number(metadata: Metadata, key: string): number | undefined {
  const value = metadata.get(key)?.value;
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}

function arrayLength(entry: MetadataEntry | undefined): number | undefined {
  return entry?.type === "array" ? entry.value.length : undefined;
}
