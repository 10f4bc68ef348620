import { basename, extname } from "node:path";
import { ChatTemplate } from "../chat/template.ts";
import type { Model } from "../engine/model.ts";
import { UnsupportedError } from "../errors.ts";
import type { Serving } from "../server/backend.ts";
import { ResponseCache } from "../server/response-cache.ts";
import { GenerationService, type ServiceOptions } from "../server/service.ts";
import type { Context } from "./context.ts";
import type { OptionKey, OptionValues } from "./options.ts";
import { profileContext } from "./profile.ts";
import { readPrompt } from "./prompt.ts";
import { MODEL_OPTIONS } from "./run-model.ts";
import { expandAll, readTemplate } from "./run-options.ts";
import { givenSeed, SAMPLING_OPTIONS, samplingParams } from "./sampling.ts";

/** Options that decide what is answered, and how many at once. */
export const SERVING_OPTIONS = [
  ...MODEL_OPTIONS,
  "prompt",
  "file",
  "escape",
  "system",
  "alias",
  "parallel",
  "maxQueue",
  "requestTimeout",
  "responseCache",
  "nPredict",
  "stop",
  ...SAMPLING_OPTIONS,
  "speculate",
] as const satisfies readonly OptionKey[];

type Options = OptionValues<(typeof SERVING_OPTIONS)[number]>;

/** Makes a loaded model ready for requests.
 *    around  what watches the answers, and what they pass */
export async function openServing(
  context: Context,
  model: Model,
  options: Options,
  around: Pick<ServiceOptions, "watchers" | "lengths" | "screen">,
): Promise<Serving> {
  const { parallel, kvType, profile } = options;
  const longest = model.hparams.contextLength;
  const contextLength =
    options.ctxSize || (profileContext(profile, kvType, model, parallel) ?? longest);
  return {
    id: options.alias ?? basename(model.path, extname(model.path)),
    created: Math.floor(Date.now() / 1000),
    model,
    contextLength,
    template: await openTemplate(context, model, options),
    system: await readSystem(context, options),
    defaults: {
      maxTokens: options.nPredict,
      stop: expandAll(options.stop, options.escape),
      sampling: samplingParams(options, context.origins, model),
      seed: givenSeed(options.seed),
      speculate: options.speculate,
    },
    responses: new ResponseCache(options.responseCache),
    service: new GenerationService(() => model.createSession({ contextLength }), {
      places: parallel,
      maxQueue: options.maxQueue,
      timeoutMs: options.requestTimeout * 1000,
      ...around,
    }),
  };
}

/** Undefined where the model has none: it completes texts and holds no conversations. */
async function openTemplate(
  { ui }: Context,
  { tokenizer, hparams }: Model,
  { chatTemplate }: Options,
): Promise<ChatTemplate | undefined> {
  const override = await readTemplate(chatTemplate);
  try {
    const template = new ChatTemplate({ tokenizer, architecture: hparams.family }, override);
    for (const note of template.notes) ui.info(`note: ${note}`);
    return template;
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    ui.info(`note: ${error.message}: only completions are answered`);
    return undefined;
  }
}

async function readSystem(context: Context, options: Options): Promise<string | undefined> {
  const { prompt, file, system } = options;
  if (prompt !== undefined || file !== undefined) return readPrompt(options, context);
  return system === undefined ? undefined : expandAll([system], options.escape)[0];
}
