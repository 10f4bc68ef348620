import type { Usage } from "../schemas/common.ts";
import type { ServedResult } from "../service.ts";

/** Tokens of a request with one or several answers. */
export function usageOf(promptTokens: number, results: readonly ServedResult[]): Usage {
  const generated = results.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: generated,
    total_tokens: promptTokens + generated,
    prompt_tokens_details: { cached_tokens: results[0]?.cachedTokens ?? 0 },
  };
}
