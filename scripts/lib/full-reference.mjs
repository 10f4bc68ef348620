// Logits of packed checkpoints of full size in double precision, layer by layer: the graphs of BitNet and
// Llama, written apart from the engine. Plain JavaScript, some hundred million multiplications a second.
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

/** @typedef {object} Config config.json, what of it is needed
 *  @property {number} hidden_size @property {number} num_attention_heads
 *  @property {number} num_key_value_heads @property {number} [head_dim]
 *  @property {number} num_hidden_layers @property {number} vocab_size @property {number} rms_norm_eps
 *  @property {number} rope_theta @property {string} hidden_act @property {boolean} tie_word_embeddings
 *  @property {{ linear_class: string }} quantization_config */

/** Tensors of one safetensors file, read on demand. @param {string} path */
function openTensors(path) {
  const file = openSync(path, "r");
  const read = (at, bytes) => {
    const buffer = new Uint8Array(bytes);
    for (let done = 0; done < bytes; ) {
      const n = readSync(file, buffer, done, Math.min(bytes - done, 1 << 28), at + done);
      if (n === 0) throw new Error(`${path} is truncated`);
      done += n;
    }
    return buffer;
  };
  const headerBytes = Number(new DataView(read(0, 8).buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(read(8, headerBytes)));
  const find = (name) => header[`model.${name}`] ?? header[name];
  const bytesOf = (name) => {
    const { data_offsets } = find(name);
    return read(8 + headerBytes + data_offsets[0], data_offsets[1] - data_offsets[0]);
  };
  const bf16 = (name) => {
    const halves = new Uint16Array(bytesOf(name).buffer);
    const bits = new Uint32Array(halves.length);
    for (let i = 0; i < bits.length; i++) bits[i] = halves[i] << 16;
    return new Float32Array(bits.buffer);
  };
  return { has: (name) => find(name) !== undefined, bytesOf, bf16, close: () => closeSync(file) };
}

const rms = (x, weight, eps) => {
  const mean = x.reduce((sum, v) => sum + v * v, 0) / x.length;
  return x.map((v, i) => (v / Math.sqrt(mean + eps)) * weight[i]);
};

const halfEven = (v) => {
  const floor = Math.floor(v);
  const rest = v - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
};

/** y[t] = scale / s * (trits . q) for every row t of `xs`; packed is [rows/4, cols]. */
function bitLinear(packed, scale, xs) {
  const cols = xs[0].length;
  const quarter = packed.length / cols;
  const coded = xs.map((x) => {
    const s = Math.fround(127 / x.reduce((top, v) => Math.max(top, Math.abs(v)), 1e-5));
    return { s, q: Int32Array.from(x, (v) => halfEven(v * s)) };
  });
  const codes = [0, 1, 2, 3].map(() => new Int32Array(cols));
  const ys = xs.map(() => new Float64Array(quarter * 4));
  for (let r = 0; r < quarter; r++) {
    for (let c = 0; c < cols; c++) {
      const byte = packed[r * cols + c];
      for (let g = 0; g < 4; g++) codes[g][c] = ((byte >> (2 * g)) & 3) - 1;
    }
    for (const [t, { s, q }] of coded.entries()) {
      for (let g = 0; g < 4; g++) {
        const row = codes[g];
        let dot = 0;
        for (let c = 0; c < cols; c++) dot += row[c] * q[c];
        ys[t][g * quarter + r] = (dot / s) * scale;
      }
    }
  }
  return ys;
}

function rotate(x, pos, headDim, theta) {
  const y = Float64Array.from(x);
  for (let begin = 0; begin < x.length; begin += headDim) {
    for (let i = 0; i < headDim / 2; i++) {
      const angle = pos * theta ** ((-2 * i) / headDim);
      const [a, b] = [x[begin + i], x[begin + i + headDim / 2]];
      y[begin + i] = a * Math.cos(angle) - b * Math.sin(angle);
      y[begin + i + headDim / 2] = a * Math.sin(angle) + b * Math.cos(angle);
    }
  }
  return y;
}

function attend(qs, ks, vs, { nHeads, nKvHeads, headDim }) {
  return qs.map((q, t) => {
    const out = new Float64Array(nHeads * headDim);
    for (let h = 0; h < nHeads; h++) {
      const kv = Math.floor(h / (nHeads / nKvHeads)) * headDim;
      const scores = ks.slice(0, t + 1).map((k) => {
        let dot = 0;
        for (let d = 0; d < headDim; d++) dot += q[h * headDim + d] * k[kv + d];
        return dot / Math.sqrt(headDim);
      });
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((sum, w) => sum + w, 0);
      for (const [j, w] of weights.entries()) {
        for (let d = 0; d < headDim; d++) out[h * headDim + d] += (w / total) * vs[j][kv + d];
      }
    }
    return out;
  });
}

const ACTIVATIONS = {
  relu2: (g) => Math.max(g, 0) ** 2,
  silu: (g) => g / (1 + Math.exp(-g)),
};

/** Logits of the last position, in double precision or with every intermediate vector rounded to single.
 *  @param {string} checkpoint a folder of make-model, packed
 *  @param {number[]} ids @param {typeof Float32Array | typeof Float64Array} Rounded */
export function referenceLogits(checkpoint, ids, Rounded) {
  /** @type {Config} */
  const c = JSON.parse(readFileSync(join(checkpoint, "config.json"), "utf8"));
  const tensors = openTensors(join(checkpoint, "model.safetensors"));
  const shape = {
    nHeads: c.num_attention_heads,
    nKvHeads: c.num_key_value_heads,
    headDim: c.head_dim ?? c.hidden_size / c.num_attention_heads,
  };
  const multiplies = c.quantization_config.linear_class === "autobitlinear";
  const activation = ACTIVATIONS[c.hidden_act];
  const embedding = tensors.bf16("embed_tokens.weight");
  const row = (id) => embedding.subarray(id * c.hidden_size, (id + 1) * c.hidden_size);
  const rounded = (vectors) => vectors.map((x) => Float64Array.from(Rounded.from(x)));
  let xs = ids.map((id) => Float64Array.from(row(id)));
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const prefix = `layers.${i}.`;
    /** Of families that have no such norm, nothing. */
    const norm = (names, vectors) => {
      const name = names.find((one) => tensors.has(`${prefix}${one}.weight`));
      if (name === undefined) return vectors;
      const weight = tensors.bf16(`${prefix}${name}.weight`);
      return rounded(vectors.map((x) => rms(x, weight, c.rms_norm_eps)));
    };
    const linear = (name, vectors) => {
      const [stored] = tensors.bf16(`${prefix}${name}.weight_scale`);
      const scale = multiplies ? stored : Math.fround(1 / stored);
      return rounded(bitLinear(tensors.bytesOf(`${prefix}${name}.weight`), scale, vectors));
    };
    const plus = (a, b) => a.map((x, t) => x.map((v, j) => v + b[t][j]));
    const turn = (values) => values.map((x, t) => rotate(x, t, shape.headDim, c.rope_theta));
    const h = norm(["input_layernorm"], xs);
    const attended = rounded(
      attend(
        turn(linear("self_attn.q_proj", h)),
        turn(linear("self_attn.k_proj", h)),
        linear("self_attn.v_proj", h),
        shape,
      ),
    );
    const subNorm = ["self_attn.attn_sub_norm", "self_attn.inner_attn_ln"];
    xs = plus(xs, linear("self_attn.o_proj", norm(subNorm, attended)));
    const f = norm(["post_attention_layernorm"], xs);
    const gate = linear("mlp.gate_proj", f);
    const up = linear("mlp.up_proj", f);
    const active = gate.map((g, t) => g.map((v, j) => activation(v) * up[t][j]));
    const ffnNorm = ["mlp.ffn_sub_norm", "mlp.ffn_layernorm"];
    xs = plus(xs, linear("mlp.down_proj", norm(ffnNorm, active)));
  }
  const last = rms(xs.at(-1), tensors.bf16("norm.weight"), c.rms_norm_eps);
  const head = c.tie_word_embeddings ? embedding : tensors.bf16("lm_head.weight");
  const logits = Float64Array.from({ length: c.vocab_size }, (_, id) => {
    let dot = 0;
    for (let d = 0; d < last.length; d++) dot += head[id * last.length + d] * last[d];
    return dot;
  });
  tensors.close();
  return logits;
}

/** KL(p || q) in nats. @param {Float64Array} p @param {Float64Array} q */
export function divergence(p, q) {
  const logSum = (values) => {
    const top = values.reduce((most, v) => Math.max(most, v), -Infinity);
    return top + Math.log(values.reduce((sum, v) => sum + Math.exp(v - top), 0));
  };
  const [a, b] = [logSum(p), logSum(q)];
  return p.reduce((sum, v, i) => sum + Math.exp(v - a) * (v - a - (q[i] - b)), 0);
}

/** Index of the largest value. @param {Float64Array} values */
export const best = (values) => values.reduce((top, v, i) => (v > values[top] ? i : top), 0);
