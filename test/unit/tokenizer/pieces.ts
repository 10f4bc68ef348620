import { tokenizerFromMetadata } from "../../../src/tokenizer/from-gguf.ts";
import type { Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { metadataOf } from "./support.ts";

/** Names of byte tokens. */
export const BYTES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);

/** Tokens with their scores after <unk>, <s>, </s> and the byte tokens. */
export function pieces(
  scores: Readonly<Record<string, number>>,
  changes: Parameters<typeof metadataOf>[0] = {},
): Tokenizer {
  const own = Object.keys(scores);
  return tokenizerFromMetadata(
    metadataOf({
      "tokenizer.ggml.model": "llama",
      "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", ...BYTES, ...own],
      "tokenizer.ggml.scores": Float32Array.of(
        ...new Array(259).fill(0),
        ...own.map((piece) => scores[piece] as number),
      ),
      "tokenizer.ggml.token_type": [2, 3, 3, ...BYTES.map(() => 6), ...own.map(() => 1)],
      ...changes,
    }),
  );
}

export const NO_PREFIX = { "tokenizer.ggml.add_space_prefix": false };

/** The text of each token. */
export function split(tokenizer: Tokenizer, text: string, special = false): string[] {
  const ids = [...tokenizer.encode(text, { special })];
  return ids.map((id) => tokenizer.decode([id], { special: true, continues: true }));
}
