import { UnsupportedError, UsageError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { BITNET, BUILT_IN } from "./built-in.ts";

/** What chooses a template: a model's tokenizer and its family (`general.architecture`). */
export interface TemplateModel {
  readonly tokenizer: Pick<Tokenizer, "chatTemplate" | "specialTokens" | "pre" | "tokenId">;
  readonly architecture: string | undefined;
}

export interface TemplateChoice {
  readonly source: string;
  readonly origin: "override" | "model" | "built-in";
  /** Values of template variables that the caller does not set. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** What was corrected or assumed: for the user to know. */
  readonly notes: readonly string[];
}

/** The official 2B4T file carries a template that its conversion script left behind; this word gives
 *  it away. */
const LEFTOVER_MARK = "BITNETAssistant";
const BITNET_FAMILY = /^bitnet/;

/** Families whose templates have variables with another default than the model's publisher uses:
 *  Ternary-Bonsai 1.7B to 8B are run without thinking. */
const DEFAULTS: readonly {
  readonly family: RegExp;
  readonly variables: Record<string, unknown>;
}[] = [{ family: /^qwen3$/, variables: { enable_thinking: false } }];

/** The template to use: the caller's (template text, or the name of a built-in one), the model's own
 *  unless it is known to be wrong, or the family's.
 *  @throws {UsageError}       `override` is neither a template nor a name
 *  @throws {UnsupportedError} there is none */
export function chooseTemplate(model: TemplateModel, override?: string): TemplateChoice {
  const family = model.architecture ?? "";
  const { variables: defaults = {} } = DEFAULTS.find((row) => row.family.test(family)) ?? {};
  const choice = override === undefined ? fromModel(model, family) : fromOverride(override);
  return { ...choice, defaults };
}

function fromModel({ tokenizer }: TemplateModel, family: string): Omit<TemplateChoice, "defaults"> {
  const own = tokenizer.chatTemplate;
  const specials = tokenizer.specialTokens;
  if (own?.includes(LEFTOVER_MARK) && BITNET_FAMILY.test(family) && specials.has("<|eot_id|>")) {
    const note =
      "the file's chat template is a left-over of its conversion; the model's published one is used";
    return { source: BITNET, origin: "built-in", notes: [note] };
  }
  if (own !== undefined && own.trim() !== "") return { source: own, origin: "model", notes: [] };
  const row = BUILT_IN.find(
    ({ family: pattern, tokens, fits }) =>
      pattern.test(family) &&
      tokens.every((text) => specials.has(text)) &&
      (fits?.(tokenizer) ?? true),
  );
  if (row) {
    const notes = [`the model has no chat template; '${row.name}' is used`];
    return { source: row.source, origin: "built-in", notes };
  }
  throw new UnsupportedError("this model has no chat template", {
    hint: `pass one with --chat-template (${names()}, or a file), or run without -cnv`,
  });
}

function fromOverride(override: string): Omit<TemplateChoice, "defaults"> {
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
