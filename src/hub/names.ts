/** What a short name stands for. */
export interface ShortName {
  readonly name: string;
  /** Repository on the hub. */
  readonly repo: string;
  /** For people who choose among them. */
  readonly about: string;
}

/** Names that people type; the repository named is the one with a file that runs as it is, where its
 *  authors made one. */
export const SHORT_NAMES: readonly ShortName[] = [
  row("2b4t", "microsoft/bitnet-b1.58-2B-4T-gguf", "BitNet b1.58 2B4T, chat"),
  row("2b4t-packed", "microsoft/bitnet-b1.58-2B-4T", "the same, as a packed checkpoint"),
  row("2b4t-bf16", "microsoft/bitnet-b1.58-2B-4T-bf16", "the same, master weights"),
  row("bitnet-embedding-0.6b", "microsoft/bitnet-embedding-0.6b", "text to vectors"),
  row("bitnet-embedding-270m", "microsoft/bitnet-embedding-270m", "text to vectors, smaller"),
  row("bitnet-large", "1bitLLM/bitnet_b1_58-large", "0.7B, continues text"),
  row("bitnet-3b", "1bitLLM/bitnet_b1_58-3B", "3.3B, continues text"),
  row("llama3-8b", "HF1BitLLM/Llama3-8B-1.58-100B-tokens", "Llama 3 8B, fine-tuned to 1.58 bits"),
  row("falcon3-1b", "tiiuae/Falcon3-1B-Instruct-1.58bit", "Falcon 3, chat"),
  row("falcon3-3b", "tiiuae/Falcon3-3B-Instruct-1.58bit-GGUF", "Falcon 3, chat"),
  row("falcon3-7b", "tiiuae/Falcon3-7B-Instruct-1.58bit-GGUF", "Falcon 3, chat"),
  row("falcon3-10b", "tiiuae/Falcon3-10B-Instruct-1.58bit-GGUF", "Falcon 3, chat"),
  row("falcon-e-1b", "tiiuae/Falcon-E-1B-Instruct-GGUF", "Falcon-Edge, chat"),
  row("falcon-e-3b", "tiiuae/Falcon-E-3B-Instruct-GGUF", "Falcon-Edge, chat"),
  row("bonsai-1.7b", "prism-ml/Ternary-Bonsai-1.7B-gguf", "Ternary-Bonsai (Qwen 3), chat"),
  row("bonsai-4b", "prism-ml/Ternary-Bonsai-4B-gguf", "Ternary-Bonsai (Qwen 3), chat"),
  row("bonsai-8b", "prism-ml/Ternary-Bonsai-8B-gguf", "Ternary-Bonsai (Qwen 3), chat"),
];

function row(name: string, repo: string, about: string): ShortName {
  return { name, repo, about };
}
