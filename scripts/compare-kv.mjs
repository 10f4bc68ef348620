// What a type of the KV cache costs in quality: perplexity, and the divergence from an f32 cache.
//   node scripts/compare-kv.mjs [-m MODEL] [-f TEXT] [-c 512]
// Without -m and -f: the bundled model on the stories that were held out of its training.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { openModelSource } from "../dist/checkpoint/open.js";
import { Model } from "../dist/engine/model.js";
import { compareModels } from "../dist/scoring/compare.js";
import { formatTable } from "./lib/table.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m" },
    file: { type: "string", short: "f" },
    window: { type: "string", short: "c", default: "512" },
  },
});
const BUNDLED = new URL("../models/demo", import.meta.url).pathname;
const STORIES = new URL("../test/golden/demo/stories.json", import.meta.url);
const TYPES = /** @type {const} */ (["f16", "bf16", "int8"]);

const source = await openModelSource(values.model ?? BUNDLED);
const reference = await Model.load(source, { kvType: "f32" });
const text = values.file ? readFileSync(values.file, "utf8") : heldOutStories(reference.tokenizer);

/** @param {import("../dist/tokenizer/tokenizer.js").Tokenizer} tokenizer */
function heldOutStories(tokenizer) {
  /** @type {{ ids: number[][] }} */
  const { ids } = JSON.parse(readFileSync(STORIES, "utf8"));
  return ids.map((story) => tokenizer.decode(story)).join("\n");
}

const rows = [];
let scored = 0;
for (const kvType of TYPES) {
  const other = await Model.load(source, { kvType });
  const found = await compareModels(reference, other, text, { ctxSize: Number(values.window) });
  await other.close();
  const { klMean, klMax, top1Agreement, maxProbabilityShift } = found.divergence;
  scored = found.scored;
  rows.push([
    kvType,
    found.perplexity.toFixed(5),
    found.other.perplexity.toFixed(5),
    `${(100 * (found.other.perplexity / found.perplexity - 1)).toFixed(4)} %`,
    klMean.toExponential(2),
    klMax.toExponential(2),
    `${(100 * top1Agreement).toFixed(2)} %`,
    maxProbabilityShift.toFixed(4),
  ]);
}
await reference.close();
console.log(`${scored} tokens in windows of ${values.window}\n`);
const kl = ["mean KL", "max KL"];
console.log(
  formatTable(["KV", "f32", "perplexity", "change", ...kl, "same first", "max shift"], rows),
);
