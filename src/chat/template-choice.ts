import { UnsupportedError, UsageError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** What chooses a template: a model's tokenizer and its family (`general.architecture`). */
export interface TemplateModel {
  readonly tokenizer: Pick<Tokenizer, "chatTemplate" | "specialTokens">;
  readonly architecture: string | undefined;
}

export interface TemplateChoice {
  readonly source: string;
  readonly origin: "override" | "model" | "built-in";
  /** What was corrected or assumed: for the user to know. */
  readonly notes: readonly string[];
}

/** BitNet b1.58 2B4T's, from its tokenizer_config.json. */
const BITNET =
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

/** Templates by name, and the models they serve when the file has none: those of a family whose
 *  vocabulary has the template's special tokens. */
const BUILT_IN: readonly {
  readonly name: string;
  readonly source: string;
  readonly family: RegExp;
  readonly tokens: readonly string[];
}[] = [
  { name: "bitnet", source: BITNET, family: /^bitnet/, tokens: ["<|eot_id|>"] },
  {
    name: "llama3",
    source: LLAMA3,
    family: /^llama$/,
    tokens: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
  },
  {
    name: "chatml",
    source: CHATML,
    family: /^(qwen|falcon|llama$)/,
    tokens: ["<|im_start|>", "<|im_end|>"],
  },
];

/** The official 2B4T file carries a template that its conversion script left behind; this word gives
 *  it away. */
const LEFTOVER_MARK = "BITNETAssistant";
const BITNET_FAMILY = /^bitnet/;

/** The template to use: the caller's (template text, or the name of a built-in one), the model's own
 *  unless it is known to be wrong, or the family's.
 *  @throws {UsageError}       `override` is neither a template nor a name
 *  @throws {UnsupportedError} there is none */
export function chooseTemplate(model: TemplateModel, override?: string): TemplateChoice {
  if (override !== undefined) return fromOverride(override);
  const own = model.tokenizer.chatTemplate;
  const family = model.architecture ?? "";
  const specials = model.tokenizer.specialTokens;
  if (own?.includes(LEFTOVER_MARK) && BITNET_FAMILY.test(family) && specials.has("<|eot_id|>")) {
    const note =
      "the file's chat template is a left-over of its conversion; the model's published one is used";
    return { source: BITNET, origin: "built-in", notes: [note] };
  }
  if (own !== undefined && own.trim() !== "") return { source: own, origin: "model", notes: [] };
  const row = BUILT_IN.find(
    ({ family: pattern, tokens }) =>
      pattern.test(family) && tokens.every((text) => specials.has(text)),
  );
  if (row) {
    const notes = [`the model has no chat template; '${row.name}' is used`];
    return { source: row.source, origin: "built-in", notes };
  }
  throw new UnsupportedError("this model has no chat template", {
    hint: `pass one with --chat-template (${names()}, or a file), or run without -cnv`,
  });
}

function fromOverride(override: string): TemplateChoice {
  const row = BUILT_IN.find(({ name }) => name === override);
  if (!row && !/\{[{%]/.test(override)) {
    const shown = JSON.stringify(override.slice(0, 40));
    throw new UsageError(`${shown} is neither a chat template nor the name of one`, {
      hint: `names: ${names()}`,
    });
  }
  return { source: row?.source ?? override, origin: "override", notes: [] };
}

function names(): string {
  return BUILT_IN.map(({ name }) => name).join(", ");
}
