import { describe, expect, it } from "vitest";
import type { KvType } from "../../src/engine/binding.ts";
import { loadGolden } from "../support/engine.ts";
import { goldenTextIds, readGoldenJson } from "../support/golden.ts";
import { perplexity } from "../support/perplexity.ts";

interface Recorded {
  readonly results: Record<string, { readonly ppl: number; readonly scored: number }>;
}

const { results } = readGoldenJson<Recorded>("ppl/a.json");
const KV_TYPES: readonly KvType[] = ["f32", "f16"];

describe.each(KV_TYPES)("perplexity of model a with %s KV", (kvType) => {
  it.each([64, 128, 256])(
    "is the reference's to 0.3 percent, in chunks of %i tokens",
    async (ctx) => {
      const model = await loadGolden("a-gguf", { kvType });
      const expected = results[`ctx${ctx}.f64`];
      const found = await perplexity(model, 512, goldenTextIds(), ctx);
      await model.close();
      expect(found.scored).toBe(expected?.scored);
      expect(Math.abs(found.perplexity / (expected?.ppl ?? Number.NaN) - 1)).toBeLessThan(0.003);
    },
  );
});
