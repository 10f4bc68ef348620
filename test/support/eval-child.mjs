// Evaluates tokens under one kernel target. BITNET_KERNEL is read once per process, so each target
// needs a process of its own; this one is plain JavaScript, for Node runs no TypeScript everywhere.
//   node eval-child.mjs REQUEST.json LOGITS.bin
// The request: { addon, target, runs: [{ spec, jobs: [[piece, ...], ...] }] }, a piece being an
// array of token ids. Each job is evaluated in a new sequence; the logits of all positions of all
// jobs are appended to LOGITS.bin as float32.
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [requestPath = "", logitsPath = ""] = process.argv.slice(2);
const { addon: addonPath, target, runs } = JSON.parse(readFileSync(requestPath, "utf8"));
/** @type {import("../../src/engine/binding.ts").Addon} */
const addon = createRequire(import.meta.url)(addonPath);
const { active } = addon.cpuReport();
if (active !== target) throw new Error(`target ${active} is active, not ${target}`);

writeFileSync(logitsPath, "");
for (const { spec, jobs } of runs) {
  const model = await addon.loadModel(spec);
  for (const pieces of jobs) {
    const sequence = model.createSequence(pieces.flat().length);
    for (const piece of pieces) {
      const logits = await sequence.evaluate(Int32Array.from(piece), "all");
      appendFileSync(
        logitsPath,
        new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength),
      );
    }
    sequence.close();
  }
  await model.close();
}
