import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** A template of ours, and the models it serves when their file has none. */
export interface BuiltInTemplate {
  readonly name: string;
  readonly source: string;
  /** `general.architecture`. */
  readonly family: RegExp;
  /** Special tokens that the vocabulary must have. */
  readonly tokens: readonly string[];
  /** What must hold besides, of vocabularies that share their special tokens with others. */
  readonly fits?: (tokenizer: Pick<Tokenizer, "pre" | "tokenId">) => boolean;
}

/** BitNet b1.58 2B4T's, from its tokenizer_config.json. */
export const BITNET =
  "{% for message in messages %}{% if loop.index0 == 0 %}{{ bos_token }}{% endif %}" +
  "{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}";

/** Llama 3 Instruct's. */
const LLAMA3 =
  "{% for message in messages %}{% if loop.index0 == 0 %}{{ bos_token }}{% endif %}" +
  "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}" +
  "{{ message['content'] | trim + '<|eot_id|>' }}{% endfor %}" +
  "{% if add_generation_prompt %}" +
  "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

const CHATML =
  "{% for message in messages %}" +
  "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** Qwen 3's, without tools: thoughts of earlier turns are left out, and a turn without thinking begins
 *  with empty thoughts. */
const QWEN3 =
  "{% for message in messages %}{% set content = message['content'] %}" +
  "{% if message['role'] == 'assistant' and '</think>' in content %}" +
  "{% set content = content.split('</think>')[-1].lstrip('\\n') %}{% endif %}" +
  "{{ '<|im_start|>' + message['role'] + '\\n' + content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}" +
  "{% if not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}";

/** Falcon 3 Instruct's. */
const FALCON3 =
  "{% for message in messages %}" +
  "{{ '<|' + message['role'] + '|>\\n' + message['content'] }}" +
  "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

/** Gemma's: a system message is a part of the first user message, the assistant is called model. */
const GEMMA =
  "{{ bos_token }}{% set lead = '' %}{% set turns = messages %}" +
  "{% if messages[0]['role'] == 'system' %}{% set lead = messages[0]['content'] + '\\n\\n' %}" +
  "{% set turns = messages[1:] %}{% endif %}{% for message in turns %}" +
  "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}" +
  "{{ '<start_of_turn>' + role + '\\n' + (lead if loop.first else '') }}" +
  "{{ message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}";

/** The first row that fits is taken. */
export const BUILT_IN: readonly BuiltInTemplate[] = [
  { name: "bitnet", source: BITNET, family: /^bitnet/, tokens: ["<|eot_id|>"] },
  {
    name: "llama3",
    source: LLAMA3,
    family: /^llama$/,
    tokens: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
  },
  {
    name: "qwen3",
    source: QWEN3,
    family: /^qwen3$/,
    tokens: ["<|im_start|>", "<|im_end|>"],
    fits: (tokenizer) => tokenizer.tokenId("<think>") !== undefined,
  },
  {
    name: "chatml",
    source: CHATML,
    family: /^(qwen|falcon|llama$)/,
    tokens: ["<|im_start|>", "<|im_end|>"],
  },
  {
    name: "falcon3",
    source: FALCON3,
    family: /^(falcon|llama$)/,
    tokens: ["<|endoftext|>"],
    fits: (tokenizer) => tokenizer.pre === "falcon3",
  },
  {
    name: "gemma",
    source: GEMMA,
    family: /^gemma/,
    tokens: ["<start_of_turn>", "<end_of_turn>"],
  },
];
