import { createHash } from "node:crypto";
import { openModelSource } from "../checkpoint/open.ts";
import { bundledModelPath } from "../engine/bundled.ts";
import { loadAddon, useAddon } from "../engine/load-addon.ts";
import { Model } from "../engine/model.ts";
import type { TrialReport, TrialRequest } from "./run-trial.ts";

// A process of its own (see run-trial.ts): runs the bundled model with one addon and one kernel target
// and reports a hash of all logits and how long it took. An addon that crashes ends only this.

/** Enough for every kernel; more where the time is measured. */
const CHECK = { promptTokens: 64, decodedTokens: 8, rounds: 1 };
const TIMED = { promptTokens: 256, decodedTokens: 64, rounds: 5 };

async function trial({ addon, timed }: TrialRequest): Promise<TrialReport> {
  if (addon !== undefined) useAddon(addon);
  const { promptTokens, decodedTokens, rounds } = timed ? TIMED : CHECK;
  const { active } = loadAddon().cpuReport();
  const model = await Model.load(await openModelSource(bundledModelPath()));
  const { vocabSize } = model.hparams;
  // Any tokens do: the same ones every time, spread over the vocabulary.
  const tokens = Array.from(
    { length: promptTokens + decodedTokens },
    (_, i) => (i * 769 + 11) % vocabSize,
  );
  const hash = createHash("sha256");
  let prefillMs = Number.POSITIVE_INFINITY;
  let decodeMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const session = model.createSession();
    const startedAt = performance.now();
    const prompt = await session.evaluate(tokens.slice(0, promptTokens), "all");
    const prefilledAt = performance.now();
    hash.update(bytesOf(prompt));
    let spent = 0;
    for (let n = promptTokens + 1; n <= tokens.length; n += 1) {
      const before = performance.now();
      const logits = await session.evaluate(tokens.slice(0, n), "last");
      spent += performance.now() - before;
      hash.update(bytesOf(logits));
    }
    session.close();
    prefillMs = Math.min(prefillMs, prefilledAt - startedAt);
    decodeMs = Math.min(decodeMs, spent);
  }
  await model.close();
  return { target: active, hash: hash.digest("hex"), prefillMs, decodeMs };
}

function bytesOf(logits: Float32Array): Uint8Array {
  return new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength);
}

process.once("message", (request: TrialRequest) => {
  trial(request).then(
    (report) => process.send?.({ report }),
    (error: Error) => process.send?.({ failure: error.message }),
  );
});
