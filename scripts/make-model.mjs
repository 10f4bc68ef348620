// Writes a model of any shape with random ternary weights from a seed, for tests and measurements.
//   node scripts/make-model.mjs OUTPUT [--preset NAME] [--family NAME] [--format FORMAT] [--seed N]
// Formats: `packed` (default), `masters` and `unpacked` make a Hugging Face folder, `gguf` one I2_S
// file of the BitNet families. The same shape and seed give the same trits in all of them, `packed` and
// `gguf` the same scales as well.
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { writeCheckpoint } from "./make-model/checkpoint.mjs";
import { FAMILY_NAMES, familyOf } from "./make-model/families.mjs";
import { writeGguf } from "./make-model/gguf.mjs";
import { modelTensors } from "./make-model/model.mjs";
import { checkShape, PRESETS } from "./make-model/presets.mjs";
import { llama3Tokenizer } from "./make-model/tokenizer.mjs";

/** @typedef {object} MakeModelOptions
 *  @property {string} output a folder, or a file for the format `gguf`
 *  @property {keyof typeof PRESETS} [preset] default: tiny
 *  @property {Partial<import("./make-model/presets.mjs").Shape>} [shape] changes to the preset
 *  @property {import("./make-model/families.mjs").FamilyName} [family] default: bitnet-b1.58
 *  @property {"packed" | "masters" | "unpacked" | "gguf"} [format] default: packed
 *  @property {number} [group] format `unpacked`: weights that share a scale; 0 (default 128): a row
 *  @property {"f16" | "q8_0" | "q6_k"} [embdType] format `gguf`: type of the embeddings
 *  @property {number} [seed] default: 1 */

/** As in the checkpoints of Ternary-Bonsai. */
const DEFAULT_GROUP = 128;

/** @param {MakeModelOptions} options */
export async function makeModel(options) {
  const { output, preset = "tiny", format = "packed", embdType = "f16", seed = 1 } = options;
  const form = format === "gguf" ? "packed" : format;
  const family = familyOf(options.family ?? "bitnet-b1.58", form);
  const base = PRESETS[preset];
  if (!base) throw new Error(`unknown preset ${preset}; known: ${Object.keys(PRESETS).join(", ")}`);
  const shape = { ...base, ...options.shape };
  checkShape(shape);
  const tensors = modelTensors(shape, seed, family);
  const tokenizer = await llama3Tokenizer(shape.vocabSize);
  if (format === "gguf") return writeGguf(output, tensors, shape, tokenizer, family, embdType);
  const group = options.group ?? DEFAULT_GROUP;
  return writeCheckpoint(output, tensors, shape, tokenizer, family, form, group);
}

const SHAPE_OPTIONS = {
  "d-model": "dModel",
  "d-ff": "dFf",
  "n-layers": "nLayers",
  "n-heads": "nHeads",
  "n-kv-heads": "nKvHeads",
  "vocab-size": "vocabSize",
  "ctx-size": "contextLength",
  "head-dim": "headDim",
  "yarn-factor": "yarnFactor",
};

const USAGE = `usage: node scripts/make-model.mjs OUTPUT [options]
  --preset NAME      ${Object.keys(PRESETS).join(", ")} (default tiny)
  --family NAME      ${FAMILY_NAMES.join(", ")} (default bitnet-b1.58)
  --format FORMAT    packed, masters, unpacked (folders) or gguf (default packed)
  --group N          unpacked: weights that share a scale, 0 for a row (default 128)
  --embd-type TYPE   gguf: f16, q8_0 or q6_k (default f16)
  --seed N           default 1
  ${Object.keys(SHAPE_OPTIONS)
    .map((name) => `--${name} N`)
    .join("  ")}
`;

async function main() {
  const shapeOptions = Object.keys(SHAPE_OPTIONS).map((name) => [name, { type: "string" }]);
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      preset: { type: "string" },
      family: { type: "string" },
      format: { type: "string" },
      group: { type: "string" },
      "embd-type": { type: "string" },
      seed: { type: "string" },
      help: { type: "boolean", short: "h" },
      ...Object.fromEntries(shapeOptions),
    },
  });
  const [output] = positionals;
  if (values.help || output === undefined) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const given = Object.entries(SHAPE_OPTIONS).filter(([name]) => values[name] !== undefined);
  const startedAt = performance.now();
  await makeModel({
    output,
    preset: values.preset,
    family: values.family,
    format: values.format,
    group: values.group === undefined ? undefined : Number(values.group),
    embdType: values["embd-type"],
    seed: values.seed === undefined ? undefined : Number(values.seed),
    shape: Object.fromEntries(given.map(([name, key]) => [key, Number(values[name])])),
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stderr.write(`wrote ${output} in ${seconds} s\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
