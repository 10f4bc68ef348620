// The main job at full size: makes a 2B4T-shaped checkpoint (random weights), converts it, runs it,
// and compares logits with a double-precision reference that shares no code with the engine. Also
// checks the converter's memory. Takes about two minutes and 3 GB of disk.
//   node scripts/check-full-size.mjs [--keep FOLDER]
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openModel } from "../dist/index.js";

const TOKENS = [128000, 791, 6864, 315, 9822];
const MAX_CONVERT_RSS_MB = 600;
// One activation near a rounding tie flips its int8 code in float arithmetic, and 30 random layers
// amplify that: even the reference differs from itself in single precision. The engine may be this
// many times as far from it.
const MAX_KL_RATIO = 3;

const { values } = parseArgs({ options: { keep: { type: "string" } } });
const folder = values.keep ?? mkdtempSync(join(tmpdir(), "full-size-"));
const checkpoint = join(folder, "2b4t");
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** @param {string[]} args */
function node(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with status ${status}`);
}

// ------------------------------------------------------------------ the reference, layer by layer

const config = () => JSON.parse(readFileSync(join(checkpoint, "config.json"), "utf8"));

/** Reads tensors of one safetensors file on demand. @param {string} path */
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
  const bytesOf = (name) => {
    const { data_offsets } = header[`model.${name}`];
    return read(8 + headerBytes + data_offsets[0], data_offsets[1] - data_offsets[0]);
  };
  const bf16 = (name) => {
    const halves = new Uint16Array(bytesOf(name).buffer);
    const bits = new Uint32Array(halves.length);
    for (let i = 0; i < bits.length; i++) bits[i] = halves[i] << 16;
    return new Float32Array(bits.buffer);
  };
  return { bytesOf, bf16, close: () => closeSync(file) };
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

/** Logits of the last position, in double precision or with every intermediate vector rounded to
 *  single. @param {number[]} ids @param {typeof Float32Array | typeof Float64Array} Rounded */
function referenceLogits(ids, Rounded) {
  const c = config();
  const tensors = openTensors(join(checkpoint, "model.safetensors"));
  const shape = {
    nHeads: c.num_attention_heads,
    nKvHeads: c.num_key_value_heads,
    headDim: c.hidden_size / c.num_attention_heads,
  };
  const embedding = tensors.bf16("embed_tokens.weight");
  const row = (id) => embedding.subarray(id * c.hidden_size, (id + 1) * c.hidden_size);
  let xs = ids.map((id) => Float64Array.from(row(id)));
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const prefix = `layers.${i}.`;
    const rounded = (vectors) => vectors.map((x) => Float64Array.from(Rounded.from(x)));
    const norm = (name, vectors) => {
      const weight = tensors.bf16(`${prefix}${name}.weight`);
      return rounded(vectors.map((x) => rms(x, weight, c.rms_norm_eps)));
    };
    const linear = (name, vectors) =>
      rounded(
        bitLinear(
          tensors.bytesOf(`${prefix}${name}.weight`),
          tensors.bf16(`${prefix}${name}.weight_scale`)[0],
          vectors,
        ),
      );
    const plus = (a, b) => a.map((x, t) => x.map((v, j) => v + b[t][j]));
    const turn = (values) => values.map((x, t) => rotate(x, t, shape.headDim, c.rope_theta));
    const h = norm("input_layernorm", xs);
    const attended = rounded(
      attend(
        turn(linear("self_attn.q_proj", h)),
        turn(linear("self_attn.k_proj", h)),
        linear("self_attn.v_proj", h),
        shape,
      ),
    );
    xs = plus(xs, linear("self_attn.o_proj", norm("self_attn.attn_sub_norm", attended)));
    const f = norm("post_attention_layernorm", xs);
    const gate = linear("mlp.gate_proj", f);
    const up = linear("mlp.up_proj", f);
    const active = gate.map((g, t) => g.map((v, j) => Math.max(v, 0) ** 2 * up[t][j]));
    xs = plus(xs, linear("mlp.down_proj", norm("mlp.ffn_sub_norm", active)));
  }
  const last = rms(xs.at(-1), tensors.bf16("norm.weight"), c.rms_norm_eps);
  const logits = Float64Array.from({ length: c.vocab_size }, (_, id) => {
    const weights = row(id);
    let dot = 0;
    for (let d = 0; d < last.length; d++) dot += weights[d] * last[d];
    return dot;
  });
  tensors.close();
  return logits;
}

// ------------------------------------------------------------------ the check

/** KL(p || q) in nats. */
function divergence(p, q) {
  const logSum = (row) => {
    const top = row.reduce((most, v) => Math.max(most, v), -Infinity);
    return top + Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0));
  };
  const [a, b] = [logSum(p), logSum(q)];
  return p.reduce((sum, v, i) => sum + Math.exp(v - a) * (v - a - (q[i] - b)), 0);
}

const best = (row) => row.reduce((top, v, i) => (v > row[top] ? i : top), 0);

const checks = [];
const check = (what, good, figure) => {
  checks.push(good);
  console.log(`${good ? "ok  " : "FAIL"} ${what}: ${figure}`);
};

try {
  if (!existsSync(checkpoint)) node(script("make-model.mjs"), checkpoint, "--preset", "2b4t");
  const file = join(folder, "2b4t.gguf");
  rmSync(file, { force: true });
  const measured = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `const { main } = await import(${JSON.stringify(new URL("../dist/cli/main.js", import.meta.url).href)});
       await main(["node", "bitnet", "convert", ${JSON.stringify(checkpoint)}, "-o", ${JSON.stringify(file)}, "--json"]);
       process.stderr.write("\\nmaxRSS " + process.resourceUsage().maxRSS);`,
    ],
    { encoding: "utf8" },
  );
  if (measured.status !== 0) throw new Error(`convert failed: ${measured.stderr}`);
  const rssMb = Math.round(Number(/maxRSS (\d+)/.exec(measured.stderr)?.[1]) / 1024);
  check("peak RSS of the conversion", rssMb < MAX_CONVERT_RSS_MB, `${rssMb} MB`);

  const reference = referenceLogits(TOKENS, Float64Array);
  const floor = divergence(reference, referenceLogits(TOKENS, Float32Array));
  console.log(`     the reference in single precision: KL ${floor.toExponential(1)}`);
  for (const [name, path] of [
    ["converted GGUF", file],
    ["checkpoint folder", checkpoint],
  ]) {
    const model = await openModel(path, { kvType: "f32" });
    const logits = Float64Array.from(await model.createSession().evaluate(TOKENS));
    await model.close();
    const largest = logits.reduce((top, v, i) => Math.max(top, Math.abs(v - reference[i])), 0);
    const kl = divergence(reference, logits);
    check(
      `${name}, logits against the reference`,
      kl < MAX_KL_RATIO * floor && best(logits) === best(reference),
      `KL ${kl.toExponential(1)}, largest difference ${largest.toFixed(4)}, same likeliest token`,
    );
  }
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
const failed = checks.filter((good) => !good).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
