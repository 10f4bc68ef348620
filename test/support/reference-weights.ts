import { readFileSync } from "node:fs";
import { join } from "node:path";
import { roundHalfEven } from "./reference-numbers.ts";
import { at, clamp, type GraphOptions, type Linear, type LowRankUpdate } from "./reference-ops.ts";
import { readSafetensorsDir, type TestTensor } from "./safetensors.ts";

export type Norm = Float64Array | undefined;
type ProjectionName = "q" | "k" | "v" | "o" | "gate" | "up" | "down";

/** The weights of a layer; norms that the model does not have are undefined. */
export type Layer = Record<ProjectionName, Linear> & {
  readonly attnNorm: Norm;
  readonly attnSubNorm: Norm;
  readonly attnPostNorm: Norm;
  readonly qNorm: Norm;
  readonly kNorm: Norm;
  readonly ffnNorm: Norm;
  readonly ffnSubNorm: Norm;
  readonly ffnPostNorm: Norm;
};

const PROJECTIONS: Record<ProjectionName, string> = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

/** Everything that a directory says. */
export interface ReferenceWeights {
  readonly options: GraphOptions;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly embedding: Float64Array;
  readonly head: Float64Array;
  readonly outputNorm: Float64Array;
  readonly layers: readonly Layer[];
}

/** Reads a Hugging Face directory: packed, master or unpacked weights, one file or shards. */
export function readReference(
  dir: string,
  configFile: string,
  overrides: Partial<GraphOptions>,
  updates: ReadonlyMap<string, readonly LowRankUpdate[]>,
): ReferenceWeights {
  const config = JSON.parse(readFileSync(join(dir, configFile), "utf8"));
  const tensors = withoutPrefix(readSafetensorsDir(dir));
  const isGemma = String(config.model_type).startsWith("gemma3");
  const options = { ...graphOptions(config, tensors, isGemma), ...overrides };
  const values = (name: string): Norm => tensors.get(name)?.values;
  const required = (name: string): Float64Array => {
    const found = values(name);
    if (!found) throw new Error(`${dir}: no tensor ${name}`);
    return found;
  };
  /** Gemma stores the weights of its own norms less 1. */
  const own = (name: string): Norm =>
    isGemma ? values(name)?.map((w) => Math.fround(w + 1)) : values(name);

  const linear = (module: string): Linear => ({
    ...readLinear(tensors, module, options),
    updates: updates.get(module) ?? [],
    inputNorm: values(`${module}.norm.weight`),
  });
  const readLayer = (prefix: string): Layer => {
    const subNorm = (...names: string[]) =>
      options.subNorms
        ? names.map((name) => values(`${prefix}${name}.weight`)).find(Boolean)
        : undefined;
    const norm = (name: string): Norm => own(`${prefix}${name}.weight`);
    const projections = Object.entries(PROJECTIONS).map(([key, name]) => [
      key,
      linear(`${prefix}${name}`),
    ]);
    return {
      ...(Object.fromEntries(projections) as Record<ProjectionName, Linear>),
      attnNorm: norm("input_layernorm"),
      attnSubNorm: subNorm("self_attn.attn_sub_norm", "self_attn.inner_attn_ln"),
      attnPostNorm: isGemma ? norm("post_attention_layernorm") : undefined,
      qNorm: norm("self_attn.q_norm"),
      kNorm: norm("self_attn.k_norm"),
      ffnNorm: norm(isGemma ? "pre_feedforward_layernorm" : "post_attention_layernorm"),
      ffnSubNorm: subNorm("mlp.ffn_sub_norm", "mlp.ffn_layernorm"),
      ffnPostNorm: isGemma ? norm("post_feedforward_layernorm") : undefined,
    };
  };

  const nHeads: number = config.num_attention_heads;
  const embedding = required("embed_tokens.weight");
  return {
    options,
    nHeads,
    nKvHeads: config.num_key_value_heads,
    headDim: config.head_dim ?? config.hidden_size / nHeads,
    vocabSize: config.vocab_size,
    embedding,
    head: values("lm_head.weight") ?? embedding,
    outputNorm: own("norm.weight") ?? required("norm.weight"),
    layers: Array.from({ length: config.num_hidden_layers }, (_, i) => readLayer(`layers.${i}.`)),
  };
}

function withoutPrefix(tensors: ReadonlyMap<string, TestTensor>): Map<string, TestTensor> {
  return new Map([...tensors].map(([name, tensor]) => [name.replace(/^model\./, ""), tensor]));
}

/** What config.json says about the graph, and the tensors where it does not. */
function graphOptions(
  // biome-ignore lint/suspicious/noExplicitAny: whatever the file holds
  config: any,
  tensors: ReadonlyMap<string, unknown>,
  isGemma: boolean,
): GraphOptions {
  const quantization = config.quantization_config;
  const hasInputNorms = [...tensors.keys()].some((name) => name.endsWith("_proj.norm.weight"));
  // Neither trained as BitNet nor called so: ternary weights, inputs as they are.
  const isWeightOnly =
    !quantization && !hasInputNorms && !/^Bit[nN]et/.test(String(config.architectures[0]));
  const scaling = config.rope_scaling;
  return {
    activation: isGemma ? "gelu" : config.hidden_act === "relu2" ? "relu2" : "silu",
    eps: config.rms_norm_eps,
    theta: config.rope_theta ?? config.rope_parameters.full_attention.rope_theta,
    yarn: scaling
      ? { factor: scaling.factor, original: scaling.original_max_position_embeddings }
      : undefined,
    rope: "halves",
    subNorms: true,
    embeddingScale: isGemma ? Math.fround(Math.sqrt(config.hidden_size)) : 1,
    scaleRule: quantization?.linear_class === "autobitlinear" ? "multiply" : "divide",
    floats: isWeightOnly ? "unpacked" : "masters",
    activations: isWeightOnly ? "none" : "token",
  };
}

function readLinear(
  tensors: ReadonlyMap<string, TestTensor>,
  name: string,
  { scaleRule, floats }: Pick<GraphOptions, "scaleRule" | "floats">,
): Linear {
  const weight = tensors.get(`${name}.weight`);
  if (!weight) throw new Error(`no tensor ${name}.weight`);
  const [storedRows = 0, cols = 0] = weight.shape;
  if (weight.dtype !== "U8" && floats === "unpacked") {
    return { trits: weight.values, rows: storedRows, cols, scale: 1 };
  }
  if (weight.dtype !== "U8") {
    return { ...absmean(weight.values), rows: storedRows, cols };
  }
  const stored = at(tensors.get(`${name}.weight_scale`)?.values ?? new Float64Array(), 0);
  const scale = scaleRule === "multiply" ? stored : Math.fround(1 / stored);
  return { trits: unpackRows(weight.values), rows: storedRows * 4, cols, scale };
}

/** Bits 2g and 2g+1 of a byte hold the code of the same column in row quarter g. */
function unpackRows(bytes: Float64Array): Float64Array {
  const trits = new Float64Array(bytes.length * 4);
  for (let g = 0; g < 4; g++) {
    for (let i = 0; i < bytes.length; i++) {
      trits[g * bytes.length + i] = ((at(bytes, i) >> (2 * g)) & 3) - 1;
    }
  }
  return trits;
}

/** Master weights become round(w / mean|w|) in {-1, 0, 1}; the mean is rounded to f32 once. */
function absmean(weights: Float64Array): { trits: Float64Array; scale: number } {
  const mean = weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length;
  const scale = Math.fround(Math.max(mean, 1e-5));
  const inverse = Math.fround(1 / scale);
  const trits = weights.map((w) => clamp(roundHalfEven(Math.fround(w * inverse)), -1, 1));
  return { trits, scale };
}
