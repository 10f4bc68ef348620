// What int8 activations of Q8_0 and Q6_K heads change: KL divergence of the next-token distribution
// against float activations on the same weights (the head's weights decoded to F32).
//   node scripts/head-numerics.mjs CHECKPOINT [-n TOKENS]
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openModelSource } from "../dist/checkpoint/open.js";
import { convertModel } from "../dist/convert/pipeline.js";
import { loadAddon } from "../dist/engine/load-addon.js";
import { openModel } from "../dist/index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tokens: { type: "string", short: "n", default: "256" }, text: { type: "string" } },
});
const [path] = positionals;
if (path === undefined) throw new Error("usage: node scripts/head-numerics.mjs CHECKPOINT");

const folder = mkdtempSync(join(tmpdir(), "head-numerics-"));
const addon = loadAddon();

/** @param {string} from @param {string} output @param {string} embdType */
async function convert(from, output, embdType) {
  const source = await openModelSource(from, { prefer: "checkpoint" });
  await convertModel(source, { outtype: "i2_s", embdType, output, addon });
  return output;
}

/** @param {string} model @param {Int32Array | undefined} given */
async function logitsOf(model, given) {
  const opened = await openModel(model, { kvType: "f32" });
  const text = values.text === undefined ? "" : readFileSync(values.text, "utf8");
  const tokens = given ?? (text ? opened.encode(text) : pseudoTokens(opened.tokenizer.vocabSize));
  const used = tokens.slice(0, Number(values.tokens));
  const logits = await opened.createSession().evaluate(used, "all");
  await opened.close();
  return { logits, tokens: used };
}

/** @param {number} vocabSize */
function pseudoTokens(vocabSize) {
  let state = 7;
  return Int32Array.from({ length: 4096 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % vocabSize;
  });
}

/** KL(p || q) in nats of two rows of logits. @param {Float32Array} a @param {Float32Array} b */
function divergence(a, b) {
  const logSum = (row) => {
    const top = row.reduce((most, value) => Math.max(most, value), -Infinity);
    return top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
  };
  const [sumA, sumB] = [logSum(a), logSum(b)];
  return a.reduce(
    (sum, value, i) => sum + Math.exp(value - sumA) * (value - sumA - (b[i] - sumB)),
    0,
  );
}

/** @param {Float32Array} row */
const best = (row) => row.reduce((top, value, i) => (value > row[top] ? i : top), 0);

try {
  console.log("| head | mean KL (nats) | max KL | same likeliest token |");
  console.log("|---|---|---|---|");
  for (const type of ["q8_0", "q6_k"]) {
    const coded = await convert(path, join(folder, `${type}.gguf`), type);
    const decoded = await convert(coded, join(folder, `${type}-f32.gguf`), "f32");
    const exact = await logitsOf(decoded);
    const ours = await logitsOf(coded, exact.tokens);
    const n = exact.tokens.length;
    const width = exact.logits.length / n;
    const rows = Array.from({ length: n }, (_, i) => [
      exact.logits.subarray(i * width, (i + 1) * width),
      ours.logits.subarray(i * width, (i + 1) * width),
    ]);
    const kl = rows.map(([p, q]) => divergence(p, q));
    const mean = kl.reduce((sum, value) => sum + value, 0) / n;
    const same = rows.filter(([p, q]) => best(p) === best(q)).length;
    console.log(
      `| ${type} | ${mean.toExponential(1)} | ${Math.max(...kl).toExponential(1)} | ${same} of ${n} |`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
