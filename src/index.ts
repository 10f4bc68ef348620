/**
 * Ternary (1.58-bit) language models for Node.
 *
 * ```ts
 * import { openModel } from "bitnet";
 *
 * const model = await openModel("models/2b4t");
 * const session = model.createSession();
 * const prompt = model.chat([{ role: "user", content: "Why is the sky blue?" }]);
 * for await (const { text } of session.generate(prompt, { maxTokens: 200 })) {
 *   process.stdout.write(text);
 * }
 * await model.close();
 * ```
 */

import type { Message } from "./chat/messages.ts";
import { ChatTemplate, type RenderOptions } from "./chat/template.ts";
import { openModelSource } from "./checkpoint/open.ts";
import {
  type ConstraintLimits,
  type ConstraintSpec,
  compileConstraint,
} from "./constrain/constraint.ts";
import type { MemoryReport } from "./engine/binding.ts";
import type { Constraint } from "./engine/constraint.ts";
import { Model, type ModelOptions } from "./engine/model.ts";
import type { Session } from "./engine/session.ts";
import type { Metadata } from "./gguf/types.ts";
import { type LoraOption, openAdapters } from "./lora/adapters.ts";
import { type EmbedOptions, embedTexts } from "./scoring/embedding.ts";
import {
  measurePerplexity,
  type Perplexity,
  type PerplexityOptions,
  type ScoredText,
} from "./scoring/perplexity.ts";
import { encodePrompt, type Tokenizer } from "./tokenizer/tokenizer.ts";

export type { Message, Role } from "./chat/messages.ts";
export type { ConstraintLimits, ConstraintSpec } from "./constrain/constraint.ts";
export type {
  FinishReason,
  KvType,
  MemoryReport,
  SamplingParams,
  Speculate,
  WeightForm,
} from "./engine/binding.ts";
export type { Constraint, TokenMask } from "./engine/constraint.ts";
export type {
  GeneratedToken,
  Generation,
  GenerationChunk,
  GenerationResult,
} from "./engine/generation.ts";
export type { ModelOptions } from "./engine/model.ts";
export type { GenerateOptions, Session } from "./engine/session.ts";
export * from "./errors.ts";
export type { LoraOption } from "./lora/adapters.ts";
export type { EmbedOptions, Pooling } from "./scoring/embedding.ts";
export type { Perplexity, PerplexityOptions, ScoredText } from "./scoring/perplexity.ts";
export type { Tokenizer } from "./tokenizer/tokenizer.ts";

export interface OpenModelOptions extends Omit<ModelOptions, "adapters"> {
  /** Low-rank adapters to apply: PEFT folders and GGUF files. */
  readonly lora?: readonly LoraOption[] | undefined;
  /** Chat template (Jinja) or the name of a built-in one, instead of the model's own. */
  readonly chatTemplate?: string | undefined;
}

/** Loads a model: a GGUF file, a folder with one, or a Hugging Face checkpoint folder.
 *  @throws {NotFoundError}     nothing there, or a folder without a model
 *  @throws {ModelFormatError}  a damaged file; the message names field and offset
 *  @throws {UnsupportedError}  a model family, tensor type or adapter that this build does not know
 *  @throws {UsageError}        an adapter of another model family
 *  @throws {ResourceError}     not enough memory */
export async function openModel(path: string, options: OpenModelOptions = {}): Promise<OpenModel> {
  const { lora = [], chatTemplate, ...rest } = options;
  const source = await openModelSource(path);
  const adapters = await openAdapters(lora, source);
  return new OpenModel(await Model.load(source, { ...rest, adapters }), chatTemplate);
}

/** A loaded model. Any number of sessions may generate at once; they share its threads. */
export class OpenModel {
  readonly #model: Model;
  readonly #templateOverride: string | undefined;
  #template: ChatTemplate | undefined;

  /** @internal */
  constructor(model: Model, templateOverride: string | undefined) {
    this.#model = model;
    this.#templateOverride = templateOverride;
  }

  get tokenizer(): Tokenizer {
    return this.#model.tokenizer;
  }
  /** Header fields of the model file, keyed as in GGUF. */
  get metadata(): Metadata {
    return this.#model.metadata;
  }
  /** Longest context window, in tokens. */
  get contextLength(): number {
    return this.#model.hparams.contextLength;
  }
  /** What was guessed or corrected while reading the model. */
  get notes(): readonly string[] {
    return this.#model.notes;
  }

  /** Token ids of a text prompt, with BOS where the model wants one. Texts of special tokens stay
   *  ordinary text unless `special` is set. */
  encode(text: string, options: { readonly special?: boolean } = {}): Int32Array {
    return encodePrompt(this.tokenizer, text, { special: options.special ?? false });
  }

  /** Token ids of a conversation through the model's chat template. What users typed never becomes a
   *  special token.
   *  @throws {UnsupportedError} the model has no chat template */
  chat(messages: readonly Message[], options: RenderOptions = {}): Int32Array {
    this.#template ??= new ChatTemplate(
      { tokenizer: this.tokenizer, architecture: this.#model.hparams.family },
      this.#templateOverride,
    );
    return this.#template.encode(messages, options);
  }

  /** A new conversation; its memory is taken as it fills. */
  createSession(options: { readonly contextLength?: number } = {}): Session {
    return this.#model.createSession(options);
  }

  /** Makes a constraint for `generate`: the text is then JSON that is valid for a schema, or any JSON
   *  object, or a text of a grammar. The same one is compiled once.
   *
   *  ```ts
   *  const jsonSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
   *  const constraint = await model.constrain({ jsonSchema });
   *  const generation = session.generate(prompt, { constraint, maxTokens: 200 });
   *  const text = await generation.text();
   *  if ((await generation.result).complete) console.log(JSON.parse(text).city);
   *  ```
   *  @throws {UsageError} a mistake in it, or more than can be kept to */
  constrain(spec: ConstraintSpec, limits?: ConstraintLimits): Promise<Constraint> {
    return compileConstraint(this.tokenizer, spec, limits);
  }

  /** Vectors of texts, of length 1 unless asked otherwise; several texts go through the model at once.
   *  @throws {UsageError}    an empty text, more dimensions than the model has
   *  @throws {ResourceError} a text longer than the context window */
  async embed(
    texts: Iterable<string> | AsyncIterable<string>,
    options: EmbedOptions = {},
  ): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for await (const { vector } of embedTexts(this.#model, texts, options)) vectors.push(vector);
    return vectors;
  }

  /** How well the model predicts a text, by the rule of llama-perplexity.
   *  @throws {UsageError} the text is shorter than a window, or the window longer than the context */
  perplexity(text: string, options: PerplexityOptions = {}): Promise<Perplexity & ScoredText> {
    return measurePerplexity(this.#model, text, options);
  }

  memory(): MemoryReport {
    return this.#model.memory();
  }

  /** Stops every generation and frees the memory. */
  async close(): Promise<void> {
    await this.#model.close();
  }
}
