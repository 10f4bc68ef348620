// What constrained output costs, with the vocabulary of a model: compiling, and the allowed tokens of
// a step.
//   node scripts/measure-constraints.mjs [-m MODEL] [-r 5]
import { parseArgs } from "node:util";
import { openModel } from "../dist/index.js";
import { formatTable } from "./lib/table.mjs";

const { values } = parseArgs({
  options: {
    model: { type: "string", short: "m" },
    repetitions: { type: "string", short: "r", default: "5" },
  },
});
const BUNDLED = new URL("../models/demo", import.meta.url).pathname;
const BITS = 32;

const position = { type: "object", properties: { x: { type: "number" }, y: { type: "number" } } };
const jsonSchema = {
  type: "object",
  properties: {
    name: { type: "string" },
    age: { type: "integer", minimum: 0, maximum: 150 },
    tags: { type: "array", items: { type: "string" }, maxItems: 5 },
    kind: { enum: ["a", "b", "c"] },
    position,
  },
  required: ["name", "age", "tags", "kind", "position"],
};
const length = { type: "string", maxLength: 64 };
const person = '"name": "Anna Berg", "age": 42, "tags": ["red", "blue car"], "kind": "b"';

const model = await openModel(values.model ?? BUNDLED);
const { tokenizer } = model;

/** @param {string} what @param {Parameters<typeof model.constrain>[0]} spec @param {string} text */
async function measure(what, spec, text) {
  const begun = performance.now();
  const constraint = await model.constrain(spec);
  const compileMs = performance.now() - begun;
  const ids = tokenizer.encode(text, { special: false });
  const steps = [];
  for (let i = 0; i < Number(values.repetitions); i++) {
    const mask = constraint.start(tokenizer.stopTokens);
    const accepted = [];
    for (const id of ids) {
      const asked = performance.now();
      const words = await mask.next(accepted);
      steps.push(performance.now() - asked);
      const isAllowed = ((words[Math.floor(id / BITS)] ?? 0) >>> (id % BITS)) & 1;
      if (!isAllowed)
        throw new Error(`${what}: ${JSON.stringify(tokenizer.decode([id]))} is ruled out`);
      accepted.push(id);
    }
    mask.close();
  }
  steps.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => steps[Math.floor(share * (steps.length - 1))] ?? 0;
  return [what, compileMs.toFixed(0), at(0.5).toFixed(2), at(0.95).toFixed(2)];
}

const whole = `{${person}, "position": {"x": 1.5, "y": -2}}`;
const rows = [
  await measure("any JSON, the first: worker and vocabulary too", { json: true }, whole),
  await measure("a schema of 7 properties in two levels", { jsonSchema }, whole),
  await measure("a text of up to 64 characters", { jsonSchema: length }, '"Anna Berg"'),
  await measure(
    "a grammar",
    { grammar: 'root ::= "yes" | "no" | "maybe " [0-9]{2,3}' },
    "maybe 39",
  ),
];
await model.close();
console.log(`${tokenizer.vocabSize} tokens\n`);
console.log(formatTable(["constraint", "compile ms", "step ms", "95th percentile"], rows));
