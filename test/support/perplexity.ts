import type { AddonModel } from "../../src/engine/binding.ts";
import { logSoftmax, rowsOf } from "./compare.ts";
import { evaluateAll } from "./engine.ts";

/**
 * Perplexity by the rule of test/golden/README.md: chunks of `ctx` tokens, each evaluated alone
 * with BOS as its first token; scored are the tokens ctx/2 + 1 .. ctx - 1.
 */
export async function perplexity(
  model: AddonModel,
  vocabSize: number,
  text: { readonly bos: number; readonly ids: readonly number[] },
  ctx: number,
): Promise<{ perplexity: number; scored: number }> {
  let sum = 0;
  let scored = 0;
  for (let begin = 0; begin + ctx <= text.ids.length; begin += ctx) {
    const chunk = text.ids.slice(begin, begin + ctx);
    const input = [text.bos, ...chunk.slice(1)];
    const logits = rowsOf(await evaluateAll(model, [input]), vocabSize);
    for (let pos = Math.floor(ctx / 2); pos < ctx - 1; pos++) {
      const next = chunk[pos + 1] ?? -1;
      sum -= logSoftmax(logits[pos] ?? new Float32Array())[next] ?? Number.NaN;
      scored++;
    }
  }
  return { perplexity: Math.exp(sum / scored), scored };
}
