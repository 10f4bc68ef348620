// Layers of published sizes, with random weights: each model is made, compared with a reference in double
// precision that shares no code with the engine, and converted into every format that can hold it, with the
// same logits to the last bit. Takes about two minutes and 1 GB of disk.
//   node scripts/check-shapes.mjs
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openModelSource } from "../dist/checkpoint/open.js";
import { convertModel } from "../dist/convert/pipeline.js";
import { hparamsOf } from "../dist/engine/hparams.js";
import { loadAddon } from "../dist/engine/load-addon.js";
import { best, divergence, referenceLogits } from "./lib/full-reference.mjs";
import { makeModel } from "./make-model.mjs";

const TOKENS = [1, 271, 828, 182, 845];
/** One activation near a rounding tie flips its int8 code; a few layers amplify that to this at most. */
const MAX_KL = 1e-4;

const SMALL = { vocabSize: 1024, contextLength: 2048, nLayers: 2 };

/** `refused` are formats whose blocks do not divide a row. */
const MODELS = [
  {
    name: "1bitLLM 3B (rows of 8640)",
    family: "bitnet",
    shape: { ...SMALL, dModel: 3200, dFf: 8640, nHeads: 32, nKvHeads: 32 },
    exact: ["i2_s", "tl1", "tl2", "q2_0", "safetensors"],
    refused: ["tq1_0", "tq2_0"],
  },
  {
    name: "Falcon3 10B",
    family: "llama",
    shape: { ...SMALL, dModel: 3072, dFf: 23_040, nHeads: 12, nKvHeads: 4, headDim: 256 },
    exact: ["i2_s", "tl1", "tl2", "safetensors"],
    refused: [],
  },
  {
    name: "Llama 3 8B",
    family: "llama",
    shape: { ...SMALL, dModel: 4096, dFf: 14_336, nHeads: 32, nKvHeads: 8 },
    exact: ["i2_s", "tl1", "tl2", "safetensors"],
    refused: [],
  },
];

const checks = [];
/** @param {string} what @param {boolean} good @param {string} figure */
const check = (what, good, figure) => {
  checks.push(good);
  console.log(`${good ? "ok  " : "FAIL"} ${what}: ${figure}`);
};

/** Logits of the last position, with an f32 cache. @param {string} path */
async function logitsOf(path) {
  const { files, tensors, metadata } = await openModelSource(path, { prefer: "checkpoint" });
  const hparams = hparamsOf(metadata);
  const engine = { kvType: "f32", threads: 2, batchSize: 64, mmap: false };
  const model = await loadAddon().loadModel({ files, tensors, hparams, ...engine });
  const sequence = model.createSequence(TOKENS.length);
  const logits = await sequence.evaluate(Int32Array.from(TOKENS), "last");
  await model.close();
  return logits;
}

/** @param {Float32Array} a @param {Float32Array} b */
const sameBits = (a, b) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

/** @param {typeof MODELS[number]} model @param {string} folder */
async function checkModel({ name, family, shape, exact, refused }, folder) {
  const checkpoint = join(folder, "model");
  await makeModel({ output: checkpoint, family, format: "packed", shape });
  const reference = referenceLogits(checkpoint, TOKENS, Float64Array);
  const logits = await logitsOf(checkpoint);
  const kl = divergence(reference, Float64Array.from(logits));
  const agrees = best(reference) === best(Float64Array.from(logits));
  check(
    `${name}, logits against the reference`,
    kl < MAX_KL && agrees,
    `KL ${kl.toExponential(1)}`,
  );
  const source = await openModelSource(checkpoint);
  for (const outtype of [...exact, ...refused]) {
    const output = join(folder, outtype === "safetensors" ? "out" : "out.gguf");
    const converting = convertModel(source, { outtype, output, addon: loadAddon(), verify: true });
    if (refused.includes(outtype)) {
      const message = await converting.then(
        () => "",
        (error) => String(error.message),
      );
      check(`${name}, ${outtype}`, /does not fill/.test(message), message);
      continue;
    }
    const { verification, loss } = await converting;
    const whole = loss === undefined && verification?.rounded.length === 0;
    const same = sameBits(await logitsOf(output), logits);
    check(`${name}, ${outtype}`, whole && same, "verified, the same logits to the last bit");
    rmSync(output, { recursive: true });
  }
}

for (const model of MODELS) {
  const folder = mkdtempSync(join(tmpdir(), "shapes-"));
  try {
    await checkModel(model, folder);
  } catch (error) {
    check(model.name, false, String(error.stack));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const failed = checks.filter((good) => !good).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
