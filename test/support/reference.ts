import { readFileSync } from "node:fs";
import { join } from "node:path";
import { argmax } from "./compare.ts";
import {
  add,
  applyRope,
  at,
  attendHead,
  bitLinear,
  type GraphOptions,
  type LayerCache,
  type Linear,
  matVec,
  readLinear,
  relu2,
  rmsNorm,
  silu,
} from "./reference-ops.ts";
import { readSafetensorsDir } from "./safetensors.ts";

// A slow reference of the ternary transformer graphs in double precision, from Hugging Face
// directories. It shares no code with src/ or native/: agreement between the two is evidence.

export interface ReferenceModel {
  readonly vocabSize: number;
  /** Logits of every position. */
  logits(ids: readonly number[]): Float64Array[];
  /** The `n` likeliest next tokens in a row, each with its distance to the second likeliest. */
  greedy(ids: readonly number[], n: number): { tokens: number[]; margins: number[] };
}

type Norm = Float64Array | undefined;
type ProjectionName = "q" | "k" | "v" | "o" | "gate" | "up" | "down";
type Layer = Record<ProjectionName, Linear> & {
  readonly attnNorm: Norm;
  readonly attnSubNorm: Norm;
  readonly ffnNorm: Norm;
  readonly ffnSubNorm: Norm;
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

/** Opens a Hugging Face directory: packed or master weights, one file or shards. */
export function referenceModel(dir: string, overrides: Partial<GraphOptions> = {}): ReferenceModel {
  const config = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"));
  const tensors = readSafetensorsDir(dir);
  const values = (name: string): Norm =>
    (tensors.get(`model.${name}`) ?? tensors.get(name))?.values;
  const required = (name: string): Float64Array => {
    const found = values(name);
    if (!found) throw new Error(`${dir}: no tensor ${name}`);
    return found;
  };
  const options: GraphOptions = {
    activation: config.hidden_act === "relu2" ? "relu2" : "silu",
    eps: config.rms_norm_eps,
    theta: config.rope_theta,
    rope: "halves",
    subNorms: true,
    scaleRule: config.quantization_config?.linear_class === "autobitlinear" ? "multiply" : "divide",
    quantiseActivations: true,
    ...overrides,
  };

  const nHeads: number = config.num_attention_heads;
  const nKvHeads: number = config.num_key_value_heads;
  const headDim: number = config.head_dim ?? config.hidden_size / nHeads;
  const vocabSize: number = config.vocab_size;
  const embedding = required("embed_tokens.weight");
  const head = values("lm_head.weight") ?? embedding;
  const dModel = embedding.length / vocabSize;
  const outputNorm = required("norm.weight");
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i): Layer => {
    const prefix = `layers.${i}.`;
    const subNorm = (...names: string[]) =>
      options.subNorms
        ? names.map((name) => values(`${prefix}${name}.weight`)).find(Boolean)
        : undefined;
    return {
      ...(Object.fromEntries(
        Object.entries(PROJECTIONS).map(([key, name]) => [
          key,
          readLinear(tensors, `model.${prefix}${name}`, options.scaleRule),
        ]),
      ) as Record<ProjectionName, Linear>),
      attnNorm: required(`${prefix}input_layernorm.weight`),
      attnSubNorm: subNorm("self_attn.attn_sub_norm", "self_attn.inner_attn_ln"),
      ffnNorm: required(`${prefix}post_attention_layernorm.weight`),
      ffnSubNorm: subNorm("mlp.ffn_sub_norm", "mlp.ffn_layernorm"),
    };
  });

  const linear = (w: Linear, x: Float64Array) => bitLinear(w, x, options.quantiseActivations);
  const norm = (x: Float64Array, weight: Norm) => (weight ? rmsNorm(x, weight, options.eps) : x);

  function attention(layer: Layer, x: Float64Array, cache: LayerCache): Float64Array {
    const pos = cache.keys.length;
    const h = norm(x, layer.attnNorm);
    const q = applyRope(linear(layer.q, h), pos, headDim, options);
    cache.keys.push(applyRope(linear(layer.k, h), pos, headDim, options));
    cache.values.push(linear(layer.v, h));
    const out = new Float64Array(nHeads * headDim);
    for (let i = 0; i < nHeads; i++) {
      const kvBegin = Math.floor(i / (nHeads / nKvHeads)) * headDim;
      attendHead(q.subarray(i * headDim, (i + 1) * headDim), cache, kvBegin, out, i * headDim);
    }
    return linear(layer.o, norm(out, layer.attnSubNorm));
  }

  function feedForward(layer: Layer, x: Float64Array): Float64Array {
    const h = norm(x, layer.ffnNorm);
    const gate = linear(layer.gate, h);
    const up = linear(layer.up, h);
    const activate = options.activation === "relu2" ? relu2 : silu;
    const f = gate.map((g, i) => activate(g) * at(up, i));
    return linear(layer.down, norm(f, layer.ffnSubNorm));
  }

  function step(id: number, caches: readonly LayerCache[]): Float64Array {
    if (!(id >= 0 && id < vocabSize)) throw new Error(`token id ${id} is not in the vocabulary`);
    let x: Float64Array = embedding.slice(id * dModel, (id + 1) * dModel);
    for (const [i, layer] of layers.entries()) {
      x = add(x, attention(layer, x, caches[i] as LayerCache));
      x = add(x, feedForward(layer, x));
    }
    return matVec(head, norm(x, outputNorm));
  }

  const newCaches = () => layers.map((): LayerCache => ({ keys: [], values: [] }));
  return {
    vocabSize,
    logits(ids) {
      const caches = newCaches();
      return ids.map((id) => step(id, caches));
    },
    greedy(ids, n) {
      const caches = newCaches();
      const tokens: number[] = [];
      const margins: number[] = [];
      let logits = ids.map((id) => step(id, caches)).at(-1) as Float64Array;
      while (tokens.length < n) {
        const best = argmax(logits);
        const second = argmax(logits.map((v, i) => (i === best ? Number.NEGATIVE_INFINITY : v)));
        tokens.push(best);
        margins.push(at(logits, best) - at(logits, second));
        logits = step(best, caches);
      }
      return { tokens, margins };
    },
  };
}
