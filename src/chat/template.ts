import { BitnetError, ModelFormatError, UsageError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { compileTemplate, renderTemplate, type TemplateProgram, TemplateRefusal } from "./jinja.ts";
import { type Message, parseMessages } from "./messages.ts";
import { Shield, stringsIn } from "./shield.ts";
import { chooseTemplate, type TemplateChoice, type TemplateModel } from "./template-choice.ts";

export interface RenderOptions {
  /** End with the beginning of the assistant's turn. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** Further template variables (`enable_thinking`, off by default with Qwen 3, `tools`, ...); special tokens in their strings
   *  are protected as those in messages are. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** What strftime_now shows. Default: the current time. */
  readonly now?: Date;
}

export interface ChatModel extends TemplateModel {
  readonly tokenizer: Tokenizer;
}

/** The beginning of a conversation that ends with an answer. */
export interface KnownBeginning {
  /** How many messages it has. */
  readonly messages: number;
  /** Ids of the prompt and of the answer, as it was generated. */
  readonly ids: Int32Array;
}

/** A model's chat template, ready to turn messages into token ids. What users type never becomes a
 *  special token, whatever they type and whatever the template does with it. */
export class ChatTemplate {
  readonly source: string;
  readonly origin: TemplateChoice["origin"];
  readonly notes: readonly string[];
  readonly #tokenizer: Tokenizer;
  readonly #defaults: TemplateChoice["defaults"];
  readonly #program: TemplateProgram;

  /** @param override  template text or the name of a built-in one, instead of the model's own
   *  @throws {UnsupportedError} the model has no template and its family has none
   *  @throws {ModelFormatError} the model's template has a syntax error
   *  @throws {UsageError}       `override` has one, or is neither template nor name */
  constructor(model: ChatModel, override?: string) {
    const choice = chooseTemplate(model, override);
    this.source = choice.source;
    this.origin = choice.origin;
    this.notes = choice.notes;
    this.#tokenizer = model.tokenizer;
    this.#defaults = choice.defaults;
    this.#program = this.#guard(() => compileTemplate(choice.source));
  }

  /** Token ids of a conversation: special tokens from the template alone; exactly one BOS at the start
   *  if the template or the model wants one.
   *  @throws {UsageError}       malformed messages, or the template refuses them (raise_exception)
   *  @throws {ModelFormatError} the template fails or exceeds a limit */
  encode(messages: readonly Message[], options: RenderOptions = {}): Int32Array {
    const { text, shield } = this.#render(messages, options);
    return withOneBos(this.#tokenizer, this.#tokens(text, shield, false));
  }

  /** The same for a conversation that goes on from an answer: the ids up to there stay those that were
   *  evaluated and generated, so that nothing before what is new need be evaluated again. Undefined
   *  when the template does not leave that beginning as it was.
   *  @throws as `encode` */
  encodeAfter(
    messages: readonly Message[],
    known: KnownBeginning,
    options: RenderOptions = {},
  ): Int32Array | undefined {
    const at = known.messages - 1;
    const answer = messages[at];
    if (at < 1 || answer?.role !== "assistant") return undefined;
    const { text, shield } = this.#render(messages, options);
    const prompt = this.#renderWith(shield, messages.slice(0, at), options);
    const beginning = prompt + shield.protectContent(answer.content);
    if (!text.startsWith(beginning)) return undefined;
    return concat([known.ids, this.#tokens(text.slice(beginning.length), shield, true)]);
  }

  /** The conversation as text, for people to read: typed special tokens look like real ones in it. */
  render(messages: readonly Message[], options: RenderOptions = {}): string {
    const { text, shield } = this.#render(messages, options);
    return shield.restore(text);
  }

  #render(
    messages: readonly Message[],
    options: RenderOptions,
  ): { readonly text: string; readonly shield: Shield } {
    const typed = parseMessages(messages);
    const shield = new Shield(this.#tokenizer.specialTokens, [
      this.source,
      ...stringsIn([typed, options.variables ?? {}]),
    ]);
    return { text: this.#renderWith(shield, typed, options), shield };
  }

  #renderWith(shield: Shield, typed: readonly Message[], options: RenderOptions): string {
    const { addGenerationPrompt = true, variables = {}, now = new Date() } = options;
    const shielded = typed.map(({ role, content, ...more }) => ({
      role,
      content: shield.protectContent(content),
      ...(shield.protectVariable(more) as object),
    }));
    const all = {
      ...this.#defaults,
      ...(shield.protectVariable(variables) as Record<string, unknown>),
      bos_token: this.#textOf(this.#tokenizer.bos),
      eos_token: this.#textOf(this.#tokenizer.eos),
      messages: shielded,
      add_generation_prompt: addGenerationPrompt,
    };
    return this.#guard(() => renderTemplate(this.#program, all, now));
  }

  #tokens(text: string, shield: Shield, continues: boolean): Int32Array {
    const tokenizer = this.#tokenizer;
    const parts = tokenizer.splitSpecial(text).map((part, i) =>
      typeof part === "number"
        ? Int32Array.of(part)
        : tokenizer.encode(shield.restore(part), {
            special: false,
            continues: continues || i > 0,
          }),
    );
    return concat(parts);
  }

  #textOf(id: number | undefined): string | undefined {
    return id === undefined ? undefined : this.#tokenizer.decode([id], { special: true });
  }

  #guard<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof BitnetError) throw cause;
      const message = `chat template: ${printable(cause)}`;
      const isUsers = cause instanceof TemplateRefusal || this.origin === "override";
      throw isUsers ? new UsageError(message) : new ModelFormatError(message, { cause });
    }
  }
}

function withOneBos(tokenizer: Tokenizer, ids: Int32Array): Int32Array {
  const { bos } = tokenizer;
  const first = ids.findIndex((id) => id !== bos);
  const found = first < 0 ? ids.length : first;
  if (bos === undefined || found === 1 || (found === 0 && !tokenizer.addBos)) return ids;
  return concat([Int32Array.of(bos), ids.subarray(found)]);
}

function concat(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Messages of templates come from files: one line, no control characters, not too long. */
function printable(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/[\p{C}\s]+/gu, " ").slice(0, 300);
}
