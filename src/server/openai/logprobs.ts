import type { GeneratedToken } from "../../engine/generation.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { ChatLogprobs } from "../schemas/chat.ts";

type Bytes = Pick<Tokenizer, "pieceBytes">;

/** Log-probabilities as conversations have them; null when nobody asked. */
export function chatLogprobs(
  tokens: readonly GeneratedToken[] | undefined,
  tokenizer: Bytes,
): ChatLogprobs | null {
  if (!tokens) return null;
  const describe = ({ id, text, logprob }: Omit<GeneratedToken, "top">) => {
    return { token: text, logprob, bytes: [...tokenizer.pieceBytes(id, { special: true })] };
  };
  return {
    content: tokens.map((token) => ({
      ...describe(token),
      top_logprobs: token.top.map(describe),
    })),
  };
}
