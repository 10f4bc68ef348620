import { openModelSource } from "../checkpoint/open.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import type { MergeReport } from "../convert/merge.ts";
import { loadAddon } from "../engine/load-addon.ts";
import { type Adapters, Model } from "../engine/model.ts";
import { UsageError } from "../errors.ts";
import { openAdapters } from "../lora/adapters.ts";
import { AdapterMerge } from "../lora/merge.ts";
import type { Perplexity, ScoredText } from "../scoring/perplexity.ts";
import { measureSample } from "../scoring/sample.ts";
import { formatCount } from "../ui/format.ts";
import type { Context } from "./context.ts";
import type { OptionValues } from "./options.ts";
import { readSample } from "./prompt.ts";

/** What merging adapters cost: perplexities of the same text. */
export interface MergeCost {
  /** Tokens scored. */
  readonly scored: number;
  /** Without the adapters. */
  readonly base: number;
  /** With the adapters beside the ternary weights, as --lora has it. */
  readonly adapted: number;
  /** Of the output, whose merged weights are ternary again. */
  readonly merged: number;
}

/** Adapters to merge, and what to measure the result on. */
export interface OpenMerge {
  readonly adapters: Adapters;
  readonly merge: AdapterMerge;
  readonly text: string | undefined;
}

/** Undefined when there is nothing to merge.
 *  @throws {UsageError} a text without adapters
 *  @throws as `openAdapters`, `AdapterMerge` and `readPrompt` */
export async function openMerge(
  { mergeLora, text }: OptionValues<"mergeLora" | "text">,
  model: ModelSource,
  context: Context,
): Promise<OpenMerge | undefined> {
  if (mergeLora.length === 0) {
    if (text === undefined) return undefined;
    throw new UsageError("--text needs --merge-lora", { hint: "see bitnet perplexity --help" });
  }
  const adapters = await openAdapters(mergeLora, model);
  const merge = new AdapterMerge(adapters, model, loadAddon());
  return { adapters, merge, text: await readSample(text, context) };
}

/** Measures the model with and without its adapters; undefined when it cannot read text. What is wrong
 *  with the text shows here, before anything is written. */
export async function measureUnmerged(
  context: Context,
  model: ModelSource,
  { adapters, text }: OpenMerge,
): Promise<Omit<MergeCost, "merged"> | undefined> {
  if (!model.metadata.has("tokenizer.ggml.model")) return undefined;
  const base = await measure(context, "the model", model, text);
  const adapted = await measure(context, "the model with its adapters", model, text, adapters);
  return { scored: base.scored, base: base.perplexity, adapted: adapted.perplexity };
}

export async function measureMerged(
  context: Context,
  output: string,
  { text }: OpenMerge,
): Promise<number> {
  const written = await openModelSource(output, { prefer: "checkpoint" });
  return (await measure(context, "the merged model", written, text)).perplexity;
}

function measure(
  { ui, signal }: Context,
  what: string,
  source: ModelSource,
  text: string | undefined,
  adapters?: Adapters,
): Promise<Perplexity & ScoredText> {
  signal.throwIfAborted();
  return ui.progress(`measuring ${what}`, `measured ${what}`, async (onProgress) => {
    const model = await Model.load(source, { adapters, headCopy: false, onProgress });
    return measureSample(model, text, signal).finally(() => model.close());
  });
}

export function describeMerge(
  { matrices, weights, changedTrits }: MergeReport,
  cost: MergeCost | undefined,
): readonly string[] {
  const share = weights === 0 ? 0 : (100 * changedTrits) / weights;
  const changed = `${share.toPrecision(3)} % of ${formatCount(weights)} trits changed`;
  const merged = `merged into ${matrices} matrices: ${changed}`;
  if (!cost) return [merged, "perplexity not measured: the model has no tokenizer"];
  const [base, adapted, after] = [cost.base, cost.adapted, cost.merged].map((p) => p.toFixed(4));
  return [
    merged,
    `perplexity over ${cost.scored} tokens: ${base} before, ${adapted} with the adapters apart, ${after} merged`,
  ];
}
