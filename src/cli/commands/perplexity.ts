import type { Model } from "../../engine/model.ts";
import { UsageError } from "../../errors.ts";
import { compareModels } from "../../scoring/compare.ts";
import {
  DEFAULT_WINDOW,
  measurePerplexity,
  type PerplexityProgress,
} from "../../scoring/perplexity.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { describePerplexity } from "../perplexity-output.ts";
import { profileContext } from "../profile.ts";
import { readPrompt } from "../prompt.ts";
import { LOAD_OPTIONS, loadModel } from "../run-model.ts";

export const perplexity = defineCommand({
  description:
    "Measures how well a model predicts a text: exp of the mean of -log p(token), by the rule of " +
    "llama-perplexity. The text is cut into windows of --ctx-size tokens (512 unless given); each " +
    "is evaluated alone, and its later half is scored. With --compare, also how far the " +
    "predictions of another file are from those of --model.",
  options: [
    ...LOAD_OPTIONS,
    "ctxSize",
    "prompt",
    "file",
    "escape",
    "stride",
    "chunks",
    "compare",
    "json",
  ],
  examples: [
    { command: "bitnet perplexity -m model.gguf -f text.txt", says: "windows of 512 tokens" },
    {
      command: "bitnet perplexity -m model.gguf -f text.txt -c 1024 --stride 512",
      says: "overlap",
    },
    { command: "bitnet perplexity -m f32.gguf -f text.txt --compare i2_s.gguf", says: "compare" },
  ],
  async run(context, options) {
    const { out, origins, signal } = context;
    const text = await readPrompt(options, context);
    if (text === undefined) throw noText(context);
    const models: Model[] = [];
    try {
      const model = await loadModel(context, options);
      models.push(model);
      const path = options.compare;
      const limit = profileContext(options.profile, options.kvType, model, path ? 2 : 1);
      const settings = {
        ctxSize: windowOf(options.ctxSize, origins.ctxSize, model, limit),
        stride: options.stride,
        chunks: options.chunks,
        signal,
      };
      // Adapters belong to the first: so a merged model can be compared with its parts.
      const otherOptions = { ...options, model: path, lora: [] };
      const other = path && (await loadModel(context, otherOptions, model.memory().weightBytes));
      if (other) models.push(other);
      signal.throwIfAborted();
      const result = await watched(context, (onProgress) =>
        other
          ? compareModels(model, other, text, { ...settings, onProgress })
          : measurePerplexity(model, text, { ...settings, onProgress }),
      );
      if (options.json) {
        const names = other ? { model: model.path, compared: other.path } : { model: model.path };
        return await out.json({ ...names, ...result });
      }
      for (const line of describePerplexity(result)) await out.line(line);
    } finally {
      for (const model of models) await model.close();
    }
  },
});

/** Only the flag counts: a context window that a configuration file sets is for talking.
 *  @param limit  of the profile, which the flag overrides */
function windowOf(
  size: number,
  origin: string | undefined,
  { hparams }: Model,
  limit: number | undefined,
): number {
  if (origin !== "--ctx-size") return Math.min(DEFAULT_WINDOW, limit ?? DEFAULT_WINDOW);
  return size === 0 ? (limit ?? hparams.contextLength) : size;
}

async function watched<T>(
  { ui }: Context,
  work: (onProgress: (progress: PerplexityProgress) => void) => Promise<T>,
): Promise<T> {
  const spinner = await ui.wait("scoring");
  let last = 0;
  try {
    return await work(({ done, total, perplexity: soFar }) => {
      spinner.update(`scored ${done} of ${total} windows, perplexity ${soFar.toFixed(4)}`);
      if (done > last) ui.debug(`window ${done} of ${total}: ${soFar.toFixed(4)}`);
      last = done;
    });
  } finally {
    spinner.stop();
  }
}

function noText({ ui, help }: Context): UsageError {
  ui.info(help());
  return new UsageError("no text", { hint: "pass it with -f FILE or in a pipe" });
}
