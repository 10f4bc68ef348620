// What guessing ahead gains or costs: decode speed with and without it, in turns, on the same text.
//   node scripts/measure-speculation.mjs [-m MODEL] [-p PROMPT] [--asked 0] [-n 128] [--temp 0]
//     [-t THREADS] [-r 9]
// With --asked, the prompt is a question that was asked and answered so often before. Fails when the
// texts differ.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openModel } from "../dist/index.js";
import { summarise } from "./lib/rates.mjs";

const { values } = parseArgs({
  options: {
    model: {
      type: "string",
      short: "m",
      default: fileURLToPath(new URL("../models/demo/demo-i2_s.gguf", import.meta.url)),
    },
    prompt: { type: "string", short: "p", default: "Once upon a time" },
    asked: { type: "string", default: "0" },
    "n-gen": { type: "string", short: "n", default: "128" },
    temp: { type: "string", default: "0" },
    threads: { type: "string", short: "t" },
    repetitions: { type: "string", short: "r", default: "9" },
  },
});
const asked = Number(values.asked);
const threads = values.threads === undefined ? undefined : Number(values.threads);
const model = await openModel(values.model, { threads });

/** @param {Int32Array} ids @param {"off" | "auto"} speculate */
async function generate(ids, speculate) {
  const session = model.createSession();
  const generation = session.generate(ids, {
    maxTokens: Number(values["n-gen"]),
    sampling: { temperature: Number(values.temp) },
    seed: 1n,
    speculate,
    // A plain text goes on: random weights may end it anywhere.
    ...(asked === 0 && { stopTokens: [] }),
  });
  let text = "";
  for await (const chunk of generation) text += chunk.text;
  const result = await generation.result;
  session.close();
  return { text, ...result };
}

/** The prompt, after the conversation that was had. */
async function prompt() {
  if (asked === 0) return model.tokenizer.encode(values.prompt, { special: true });
  const question = /** @type {const} */ ({ role: "user", content: values.prompt });
  const { text } = await generate(model.chat([question]), "off");
  const answered = [question, /** @type {const} */ ({ role: "assistant", content: text })];
  return model.chat([...Array.from({ length: asked }, () => answered).flat(), question]);
}

const ids = await prompt();
/** @type {Record<"off" | "auto", number[]>} */
const rates = { off: [], auto: [] };
let guesses = "";
for (let round = 0; round < Number(values.repetitions); round++) {
  /** @type {Set<string>} */
  const texts = new Set();
  for (const speculate of /** @type {const} */ (round % 2 ? ["auto", "off"] : ["off", "auto"])) {
    const one = await generate(ids, speculate);
    texts.add(one.text);
    rates[speculate].push((1000 * (one.generatedTokens - 1)) / one.generateMs);
    if (speculate === "auto") guesses = `${one.acceptedTokens} of ${one.draftedTokens} right`;
  }
  if (texts.size > 1) throw new Error("the texts differ");
}
const [off, auto] = [summarise(rates.off), summarise(rates.auto)];
const rate = (/** @type {{ median: number, max: number }} */ { median, max }) =>
  `${median.toFixed(1)} tok/s (at best ${max.toFixed(1)})`;
console.log(
  `${ids.length} tokens before; without guesses ${rate(off)}, with ${rate(auto)}: ` +
    `x ${(auto.median / off.median).toFixed(2)} (at best ${(auto.max / off.max).toFixed(2)}); ` +
    `last time ${guesses}; the same text`,
);
await model.close();
