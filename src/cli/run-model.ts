import { ChatTemplate } from "../chat/template.ts";
import { openModelSource } from "../checkpoint/open.ts";
import { BUNDLED_MODEL_NOTE, bundledModelPath } from "../engine/bundled.ts";
import type { Constraint } from "../engine/constraint.ts";
import type { GenerationChunk, GenerationResult } from "../engine/generation.ts";
import { Model } from "../engine/model.ts";
import { openAdapters } from "../lora/adapters.ts";
import { encodePrompt } from "../tokenizer/tokenizer.ts";
import { CONSTRAINT_OPTIONS } from "./constraint.ts";
import type { Context } from "./context.ts";
import { i2sLayout } from "./i2s-layout.ts";
import { locateModel, recordUse } from "./models/ready.ts";
import type { OptionKey, OptionValues } from "./options.ts";
import { checkProfileMemory, profileContext } from "./profile.ts";
import { asConversation, expandAll, readTemplate } from "./run-options.ts";
import { givenSeed, SAMPLING_OPTIONS, samplingParams } from "./sampling.ts";
import { withTuning } from "./tuning.ts";

/** Options that decide which model is loaded, and how. */
export const LOAD_OPTIONS = [
  "model",
  "lora",
  "i2sLayout",
  "threads",
  "batchSize",
  "kvType",
  "activations",
  "weights",
  "mmap",
  "profile",
] as const satisfies readonly OptionKey[];

/** The same for what goes on in a context window. */
export const MODEL_OPTIONS = [...LOAD_OPTIONS, "headCopy", "ctxSize", "chatTemplate"] as const;

/** Options that decide what is generated. */
export const GENERATE_OPTIONS = [
  "escape",
  "conversation",
  "system",
  "nPredict",
  "stop",
  ...CONSTRAINT_OPTIONS,
  ...SAMPLING_OPTIONS,
  "logprobs",
  "speculate",
] as const satisfies readonly OptionKey[];

type Options = OptionValues<(typeof MODEL_OPTIONS | typeof GENERATE_OPTIONS)[number]>;

/** Loads the model that the options name, or the bundled one, under a progress bar. A command without
 *  the option needs no copy of the head: it looks at all logits, or at none.
 *  @param usedBytes  memory that models loaded before take of what a profile allows */
export async function loadModel(
  context: Context,
  options: OptionValues<(typeof LOAD_OPTIONS)[number]> & Partial<OptionValues<"headCopy">>,
  usedBytes = 0,
): Promise<Model> {
  const { ui } = context;
  const { kvType, activations, weights, mmap } = options;
  const headCopy = options.headCopy === "auto";
  const path = options.model ? await locateModel(options.model) : bundledModelPath();
  if (options.model === undefined) ui.warn(BUNDLED_MODEL_NOTE);
  const source = await openModelSource(path, { i2sLayout: i2sLayout(options.i2sLayout) });
  const { threads, batchSize } = withTuning(context, source, options);
  checkProfileMemory(source, { ...options, batchSize, headCopy }, usedBytes);
  const adapters = await openAdapters(options.lora, source);
  const model = await ui.progress(`loading ${path}`, `loaded ${path}`, (onProgress) =>
    Model.load(source, {
      threads,
      batchSize,
      kvType,
      activations,
      weights,
      mmap,
      headCopy,
      adapters,
      onProgress,
    }),
  );
  if (options.model !== undefined) await recordUse(path);
  for (const note of model.notes) ui.info(`note: ${note}`);
  return model;
}

/** Token ids of the prompt. As a plain prompt it may hold special tokens, as in llama.cpp: whoever
 *  writes it writes the whole input. In a conversation it is what somebody typed, and stays text. */
export async function encode(
  { ui }: Context,
  { tokenizer, hparams }: Model,
  prompt: string,
  options: Options,
): Promise<Int32Array> {
  if (!options.conversation) return encodePrompt(tokenizer, prompt, { special: true });
  const override = await readTemplate(options.chatTemplate);
  const template = new ChatTemplate({ tokenizer, architecture: hparams.family }, override);
  for (const note of template.notes) ui.info(`note: ${note}`);
  const [system] = options.system === undefined ? [] : expandAll([options.system], options.escape);
  return template.encode(asConversation(prompt, system));
}

/** Generates after the prompt; `onChunk` gets the text as it comes. Cancelled, it ends early and
 *  says so in its result. */
export async function generate(
  { ui, origins, signal }: Context,
  model: Model,
  prompt: Int32Array,
  options: Options & { readonly constraint: Constraint | undefined },
  onChunk: (chunk: GenerationChunk) => Promise<void>,
): Promise<GenerationResult> {
  const session = model.createSession({
    contextLength: options.ctxSize || profileContext(options.profile, options.kvType, model),
  });
  const spinner = ui.wait(`reading the prompt (${prompt.length} tokens)`);
  try {
    const generation = session.generate(prompt, {
      maxTokens: options.nPredict,
      stop: expandAll(options.stop, options.escape),
      sampling: samplingParams(options, origins, model),
      seed: givenSeed(options.seed),
      logprobs: options.logprobs,
      speculate: options.speculate,
      constraint: options.constraint,
      signal,
      onPrompt: (done, total) => {
        void spinner.then(({ update }) =>
          update(`reading the prompt (${done} of ${total} tokens)`),
        );
      },
    });
    for await (const chunk of generation) {
      (await spinner).stop();
      await onChunk(chunk);
    }
    return await generation.result;
  } finally {
    (await spinner).stop();
    session.close();
  }
}
