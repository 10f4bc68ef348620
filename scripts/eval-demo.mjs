// Evaluates the bundled demonstration model and prints its bars; exit 1 when one is missed.
//   node scripts/eval-demo.mjs [MODEL] [--skills-only] [--failures]
// The held-out prompts and the training framework's figures (float32) are in test/golden/demo,
// written by scripts/train-demo/golden.py; no Python is needed here.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { openModel } from "../dist/index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "skills-only": { type: "boolean", default: false },
    failures: { type: "boolean", default: false },
  },
});
const goldenFolder = new URL("../test/golden/demo/", import.meta.url);
const MODEL = new URL("../models/demo", import.meta.url).pathname;

const MAX_PERPLEXITY_DIFFERENCE = 0.005;
const MIN_GREEDY_AGREEMENT = 0.9;
const MIN_ARITHMETIC = 0.95;
const MIN_SKILL = 0.9;
const MIN_ENDED = 0.99;
const ARITHMETIC = ["add", "subtract"];
const ANSWER_TOKENS = 64;
const STORY_TOKENS = 420;

/** @typedef {{ what: string; bar: string; measured: string; ok: boolean }} Row */

/** @param {string} name */
const golden = (name) => JSON.parse(readFileSync(new URL(`${name}.json`, goldenFolder), "utf8"));
/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Sum of the negative log-likelihoods of all tokens after the first.
 *  @param {Float32Array} logits @param {number[]} ids @param {number} nVocab */
function negativeLogLikelihood(logits, ids, nVocab) {
  let sum = 0;
  for (let pos = 0; pos + 1 < ids.length; pos++) {
    const row = logits.subarray(pos * nVocab, (pos + 1) * nVocab);
    const max = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = row.reduce((a, b) => a + Math.exp(b - max), 0);
    sum += max + Math.log(total) - row[ids[pos + 1]];
  }
  return sum;
}

/** @returns {Promise<Row>} */
async function evaluatePerplexity(model) {
  const { perplexity, scored, ids: documents } = golden("stories");
  const session = model.createSession();
  let sum = 0;
  for (const ids of documents) {
    sum += negativeLogLikelihood(
      await session.evaluate(ids, "all"),
      ids,
      model.tokenizer.vocabSize,
    );
  }
  session.close();
  const measured = Math.exp(sum / scored);
  const difference = measured / perplexity - 1;
  return {
    what: `stories: held-out perplexity against the framework's ${perplexity.toFixed(4)}`,
    bar: `within ${100 * MAX_PERPLEXITY_DIFFERENCE} %`,
    measured: `${measured.toFixed(4)} (${(100 * difference).toFixed(4)} %)`,
    ok: Math.abs(difference) <= MAX_PERPLEXITY_DIFFERENCE,
  };
}

/** @returns {Promise<Row>} */
async function evaluateGreedy(model) {
  const prompts = golden("greedy");
  const session = model.createSession();
  let equal = 0;
  for (const { prompt, ids } of prompts) {
    const options = { maxTokens: ids.length, sampling: { temperature: 0 }, stopTokens: [] };
    const generated = [];
    for await (const chunk of session.generate(prompt, options)) {
      generated.push(...chunk.tokenIds);
    }
    if (ids.every((id, i) => id === generated[i])) equal++;
  }
  session.close();
  return {
    what: `greedy: prompts of ${prompts.length} equal to the framework's in all 64 tokens`,
    bar: `>= ${percent(MIN_GREEDY_AGREEMENT)}`,
    measured: percent(equal / prompts.length),
    ok: equal >= MIN_GREEDY_AGREEMENT * prompts.length,
  };
}

/** One turn: what the model answers, and whether it ended by itself. */
async function answer(model, session, question, maxTokens) {
  const prompt = model.chat([{ role: "user", content: question }]);
  const generation = session.generate(prompt, { maxTokens, sampling: { temperature: 0 } });
  let text = "";
  for await (const chunk of generation) text += chunk.text;
  const { finishReason } = await generation.result;
  return { text, ended: finishReason === "stop" };
}

/** @returns {Promise<Row[]>} */
async function evaluateChat(model) {
  const session = model.createSession();
  const rows = [];
  let turns = 0;
  let ended = 0;
  const arithmetic = { right: 0, of: 0 };
  for (const [skill, prompts] of Object.entries(golden("skills"))) {
    let right = 0;
    for (const [question, expected] of prompts) {
      const said = await answer(model, session, question, ANSWER_TOKENS);
      turns++;
      if (said.ended) ended++;
      if (said.text === expected) right++;
      else if (values.failures)
        console.error(`${skill}: ${question} -> ${said.text} (${expected})`);
    }
    if (ARITHMETIC.includes(skill)) {
      arithmetic.right += right;
      arithmetic.of += prompts.length;
    }
    const bar = ARITHMETIC.includes(skill) ? MIN_ARITHMETIC : MIN_SKILL;
    const share = right / prompts.length;
    rows.push(exactRow(`skill: ${skill}`, bar, share));
  }
  rows.push(exactRow("arithmetic in all", MIN_ARITHMETIC, arithmetic.right / arithmetic.of));
  for (const question of golden("requests")) {
    turns++;
    if ((await answer(model, session, question, STORY_TOKENS)).ended) ended++;
  }
  session.close();
  rows.push(exactRow(`chat turns of ${turns} that end by themselves`, MIN_ENDED, ended / turns));
  return rows;
}

/** @returns {Row} */
function exactRow(what, bar, share) {
  return { what, bar: `>= ${percent(bar)}`, measured: percent(share), ok: share >= bar };
}

const model = await openModel(positionals[0] ?? MODEL, { kvType: "f32" });
const rows = values["skills-only"]
  ? []
  : [await evaluatePerplexity(model), await evaluateGreedy(model)];
rows.push(...(await evaluateChat(model)));
await model.close();

const width = Math.max(...rows.map((row) => row.what.length));
for (const { what, bar, measured, ok } of rows) {
  console.log(`${what.padEnd(width)}  ${bar.padEnd(12)}  ${measured}${ok ? "" : "  MISSED"}`);
}
const missed = rows.filter((row) => !row.ok).length;
console.log(missed === 0 ? "all bars met" : `${missed} missed`);
process.exitCode = missed === 0 ? 0 : 1;
