import type { Usage } from "../schemas/common.ts";
import type { ServedResult } from "../service.ts";

/** Tokens of prompts and of all answers to them; a prompt counts once, however many answers it has. */
export function usageOf(prompts: readonly Int32Array[], results: readonly ServedResult[]): Usage {
  const prompted = prompts.reduce((sum, { length }) => sum + length, 0);
  const generated = results.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0);
  const choices = results.length / prompts.length;
  const cached = results
    .filter((_, i) => i % choices === 0)
    .reduce((sum, { cachedTokens }) => sum + cachedTokens, 0);
  return {
    prompt_tokens: prompted,
    completion_tokens: generated,
    total_tokens: prompted + generated,
    prompt_tokens_details: { cached_tokens: cached },
  };
}
