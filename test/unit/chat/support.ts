import { tokenizerFromJson } from "../../../src/tokenizer/from-json.ts";
import type { Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { readGoldenJson } from "../../support/golden.ts";

interface Config {
  readonly chat_template?: string;
  readonly [key: string]: unknown;
}

/** The tokenizer of a golden model, its configuration changed. */
export function tokenizerOf(model: string, changes: Partial<Config> = {}): Tokenizer {
  const config = readGoldenJson<Config>(`models/${model}/tokenizer_config.json`);
  return tokenizerFromJson({
    tokenizer: readGoldenJson(`models/${model}/tokenizer.json`),
    tokenizerConfig: { ...config, ...changes },
    generationConfig: readGoldenJson(`models/${model}/generation_config.json`),
  });
}

export const ARCHITECTURES: Readonly<Record<string, string>> = {
  "a-packed": "bitnet-b1.58",
  c: "llama",
  d: "qwen3",
};
