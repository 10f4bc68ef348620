import { argmax } from "./compare.ts";
import { tieDistance } from "./reference-inputs.ts";
import {
  add,
  applyRope,
  at,
  attendHead,
  bitLinear,
  type GraphOptions,
  gelu,
  type LayerCache,
  type Linear,
  type LowRankUpdate,
  matVec,
  relu2,
  rmsNorm,
  silu,
} from "./reference-ops.ts";
import { type Layer, type Norm, readReference } from "./reference-weights.ts";

// A slow reference of the ternary transformer graphs in double precision, from Hugging Face
// directories. It shares no code with src/ or native/: agreement between the two is evidence.

export interface ReferenceModel {
  readonly vocabSize: number;
  /** Logits of every position. */
  logits(ids: readonly number[]): Float64Array[];
  /** States of every position after the last norm. */
  hidden(ids: readonly number[]): Float64Array[];
  /** The `n` likeliest next tokens in a row, each with its distance to the second likeliest. */
  greedy(ids: readonly number[], n: number): { tokens: number[]; margins: number[] };
}

const ACTIVATIONS = { relu2, silu, gelu };

/** Opens a Hugging Face directory: packed, master or unpacked weights. `updates` are those of LoRA
 *  adapters by module, e.g. `layers.0.self_attn.q_proj`. */
export function referenceModel(
  dir: string,
  overrides: Partial<GraphOptions> = {},
  updates: ReadonlyMap<string, readonly LowRankUpdate[]> = new Map(),
  configFile = "config.json",
): ReferenceModel {
  const model = readReference(dir, configFile, overrides, updates);
  const { options, nHeads, nKvHeads, headDim, vocabSize, embedding, layers } = model;
  const dModel = embedding.length / vocabSize;

  const norm = (x: Float64Array, weight: Norm) => (weight ? rmsNorm(x, weight, options.eps) : x);
  const linear = (w: Linear, x: Float64Array) => {
    const input = norm(x, w.inputNorm);
    options.watchTies?.(tieDistance(input, options.activations));
    return bitLinear(w, input, options.activations);
  };
  const normHeads = (x: Float64Array, weight: Norm): Float64Array => {
    const out = new Float64Array(x.length);
    for (let begin = 0; begin < x.length; begin += headDim) {
      out.set(norm(x.subarray(begin, begin + headDim), weight), begin);
    }
    return out;
  };

  function attention(layer: Layer, x: Float64Array, cache: LayerCache): Float64Array {
    const pos = cache.keys.length;
    const h = norm(x, layer.attnNorm);
    const rotated = (w: Linear, weight: Norm) =>
      applyRope(normHeads(linear(w, h), weight), pos, headDim, options);
    const q = rotated(layer.q, layer.qNorm);
    cache.keys.push(rotated(layer.k, layer.kNorm));
    cache.values.push(linear(layer.v, h));
    const out = new Float64Array(nHeads * headDim);
    for (let i = 0; i < nHeads; i++) {
      const kvBegin = Math.floor(i / (nHeads / nKvHeads)) * headDim;
      attendHead(q.subarray(i * headDim, (i + 1) * headDim), cache, kvBegin, out, i * headDim);
    }
    return norm(linear(layer.o, norm(out, layer.attnSubNorm)), layer.attnPostNorm);
  }

  function feedForward(layer: Layer, x: Float64Array): Float64Array {
    const h = norm(x, layer.ffnNorm);
    const gate = linear(layer.gate, h);
    const up = linear(layer.up, h);
    const activate = ACTIVATIONS[options.activation];
    const f = gate.map((g, i) => activate(g) * at(up, i));
    return norm(linear(layer.down, norm(f, layer.ffnSubNorm)), layer.ffnPostNorm);
  }

  function step(id: number, caches: readonly LayerCache[]): Float64Array {
    if (!(id >= 0 && id < vocabSize)) throw new Error(`token id ${id} is not in the vocabulary`);
    let x: Float64Array = embedding
      .slice(id * dModel, (id + 1) * dModel)
      .map((v) => v * options.embeddingScale);
    for (const [i, layer] of layers.entries()) {
      x = add(x, attention(layer, x, caches[i] as LayerCache));
      x = add(x, feedForward(layer, x));
    }
    return norm(x, model.outputNorm);
  }

  const newCaches = () => layers.map((): LayerCache => ({ keys: [], values: [] }));
  const logitsAfter = (id: number, caches: readonly LayerCache[]) =>
    matVec(model.head, step(id, caches));
  return {
    vocabSize,
    logits(ids) {
      const caches = newCaches();
      return ids.map((id) => logitsAfter(id, caches));
    },
    hidden(ids) {
      const caches = newCaches();
      return ids.map((id) => step(id, caches));
    },
    greedy(ids, n) {
      const caches = newCaches();
      const tokens: number[] = [];
      const margins: number[] = [];
      let logits = ids.map((id) => logitsAfter(id, caches)).at(-1) as Float64Array;
      while (tokens.length < n) {
        const best = argmax(logits);
        const second = argmax(logits.map((v, i) => (i === best ? Number.NEGATIVE_INFINITY : v)));
        tokens.push(best);
        margins.push(at(logits, best) - at(logits, second));
        logits = logitsAfter(best, caches);
      }
      return { tokens, margins };
    },
  };
}
