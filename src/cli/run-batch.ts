import { basename, resolve } from "node:path";
import { Journal } from "../batch/journal.ts";
import { fileLines, type LineSource } from "../batch/lines.ts";
import { countRequests, type PlanOptions, planRequests } from "../batch/plan.ts";
import type { BatchInput } from "../batch/request.ts";
import { answerAll } from "../batch/run.ts";
import { BatchStatistics, type BatchSummary } from "../batch/statistics.ts";
import { ChatTemplate } from "../chat/template.ts";
import type { ConstraintSpec } from "../constrain/constraint.ts";
import type { Model } from "../engine/model.ts";
import { encodePrompt } from "../tokenizer/tokenizer.ts";
import { BATCH_OPTIONS, checkBatch } from "./batch-options.ts";
import { describeBatch } from "./batch-text.ts";
import { constraintOf, readConstraint } from "./constraint.ts";
import type { Context } from "./context.ts";
import type { OptionValues } from "./options.ts";
import { profileContext } from "./profile.ts";
import { GENERATE_OPTIONS, loadModel, MODEL_OPTIONS } from "./run-model.ts";
import { asConversation, expandAll, readTemplate } from "./run-options.ts";
import { givenSeed, samplingParams } from "./sampling.ts";

const KEYS = [...MODEL_OPTIONS, ...GENERATE_OPTIONS, ...BATCH_OPTIONS, "json"] as const;
type Options = OptionValues<(typeof KEYS)[number]> & { readonly batch: string };

const STDIN = "-";
const SOME_FAILED = 1;

/** `bitnet run --batch`: answers to the file or to standard output, the summary to standard error. */
export async function runBatch(context: Context, options: Options): Promise<void> {
  const { origins, signal, ui, out } = context;
  checkBatch(origins, options.json);
  const source: LineSource =
    options.batch === STDIN
      ? { name: "standard input", open: () => context.stdin }
      : fileLines(options.batch);
  await using journal = await openJournal(context, options);
  const spec = await readConstraint(options);
  const settings = settingsOf(options, spec);
  const plan = { finished: journal?.finished ?? new Map(), settings };
  // Standard input comes once: what is wrong in it shows when its turn comes.
  const counts = options.batch === STDIN ? undefined : await countRequests(source, plan, signal);
  const skipped = counts ? counts.total - counts.pending : 0;
  if (skipped > 0) ui.info(`${skipped} of ${counts?.total} requests are answered already`);
  const job = { source, plan, journal, pending: counts?.pending, spec };
  const summary =
    counts?.pending === 0
      ? new BatchStatistics().summary(skipped)
      : await answer(context, options, job);
  if (options.json) await out.json({ output: options.answers, ...summary });
  else ui.info(describeBatch(summary));
  if (summary.requests.failed === 0) return;
  ui.warn(`${summary.requests.failed} requests failed: look for "status":"error"`);
  process.exitCode = SOME_FAILED;
}

async function openJournal(
  { ui }: Context,
  { answers, force }: Options,
): Promise<Journal | undefined> {
  if (answers === undefined) return undefined;
  const journal = await Journal.open(answers, { afresh: force });
  if (journal.repairedBytes > 0) {
    ui.info(`${answers}: the last line was torn and is done again`);
  }
  return journal;
}

interface Job {
  readonly source: LineSource;
  readonly plan: PlanOptions;
  readonly journal: Journal | undefined;
  /** Undefined where nobody knows. */
  readonly pending: number | undefined;
  readonly spec: ConstraintSpec | undefined;
}

async function answer(context: Context, options: Options, job: Job): Promise<BatchSummary> {
  const { ui, out, signal } = context;
  const model = await loadModel(context, options);
  const statistics = new BatchStatistics();
  let skipped = 0;
  const onSkip = () => {
    skipped += 1;
  };
  try {
    const answers = answerAll(
      model,
      (stop) => planRequests(job.source, { ...job.plan, onSkip }, stop),
      await batchOptions(context, options, model, job.spec),
    );
    // Answers on the terminal and a bar below them would disturb one another.
    const isShown = job.journal !== undefined || !out.terminal.isTty;
    await withProgress(isShown ? ui : undefined, job.pending, async (report) => {
      for await (const one of answers) {
        await (job.journal ? job.journal.append(one) : out.event(one));
        statistics.add(one);
        report(statistics.answered);
      }
    });
    return statistics.summary(skipped);
  } catch (error) {
    if (signal.aborted && job.journal) {
      ui.info(`${statistics.answered} answers are kept: the same command goes on from there`);
    }
    throw error;
  } finally {
    await model.close();
  }
}

async function withProgress(
  ui: Context["ui"] | undefined,
  pending: number | undefined,
  work: (report: (answered: number) => void) => Promise<void>,
): Promise<void> {
  if (!ui) return work(() => undefined);
  if (pending !== undefined) {
    const doing = `answering ${pending} requests`;
    return ui.count(doing, "answered them", (report) => work((n) => report(n, pending)));
  }
  const spinner = await ui.wait("answering requests");
  await work((n) => spinner.update(`answering requests: ${n} done`)).finally(() => spinner.stop());
}

/** What decides the answers beside the requests. The number of threads and the like do not. */
function settingsOf(options: Options, spec: ConstraintSpec | undefined): unknown {
  const { batch, answers, parallel, order, force, json, quiet, verbose, color, ...rest } = options;
  const { threads, batchSize, weights, mmap, headCopy, speculate, ...others } = rest;
  const { jsonSchema, grammar, jsonObject, ...decisive } = others;
  return { ...decisive, ...spec, model: options.model && basename(resolve(options.model)) };
}

async function batchOptions(
  { origins, signal }: Context,
  options: Options,
  model: Model,
  spec: ConstraintSpec | undefined,
) {
  const { parallel, order, nPredict, speculate } = options;
  return {
    parallel,
    order,
    signal,
    encode: await encoder(options, model),
    constrain: (wanted: ConstraintSpec) => constraintOf(model, wanted),
    contextLength:
      options.ctxSize || profileContext(options.profile, options.kvType, model, parallel),
    defaults: {
      maxTokens: nPredict,
      stop: expandAll(options.stop, options.escape),
      sampling: samplingParams(options, origins, model),
      seed: givenSeed(options.seed),
      speculate,
      constraint: await constraintOf(model, spec),
    },
  };
}

/** Prompts as `run` takes them; messages through the chat template, after the system message of the
 *  command line unless they begin with one. */
async function encoder(options: Options, { tokenizer, hparams }: Model) {
  const override = await readTemplate(options.chatTemplate);
  const [system] = options.system === undefined ? [] : expandAll([options.system], options.escape);
  let template: ChatTemplate | undefined;
  const chat = () => {
    template ??= new ChatTemplate({ tokenizer, architecture: hparams.family }, override);
    return template;
  };
  return (input: BatchInput): Int32Array => {
    if ("messages" in input) {
      const { messages } = input;
      if (system === undefined || messages[0]?.role === "system") return chat().encode(messages);
      return chat().encode([{ role: "system", content: system }, ...messages]);
    }
    if (options.conversation) return chat().encode(asConversation(input.prompt, system));
    return encodePrompt(tokenizer, input.prompt, { special: true });
  };
}
