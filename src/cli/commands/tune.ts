import { type Plan, planBench } from "../../bench/plan.ts";
import { threadsText } from "../../bench/report/columns.ts";
import { runPlan, samplesOf } from "../../bench/runner.ts";
import {
  type Choice,
  type MeasureChoices,
  type SearchResult,
  type SearchSpace,
  type Speeds,
  searchTuning,
  threadCandidates,
} from "../../bench/tune/search.ts";
import { openModelSource } from "../../checkpoint/open.ts";
import { BUNDLED_MODEL_NOTE, bundledModelPath } from "../../engine/bundled.ts";
import { hparamsOf } from "../../engine/hparams.ts";
import { loadAddon } from "../../engine/load-addon.ts";
import { defaultThreads } from "../../engine/threads.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { machineSize } from "../machine.ts";
import { locateModel } from "../models/ready.ts";
import { describeOutcome, describeStage } from "../tune-output.ts";
import { rememberTuning } from "../tuning.ts";

export const tune = defineCommand({
  description:
    "Measures kernel targets, threads and batch sizes, one after the other, and compares the best " +
    "with the defaults once more, in turns. What is faster than noise explains is remembered for " +
    "this CPU and models of this shape; run and the other commands then use it wherever no flag, " +
    "variable, configuration file or profile says otherwise.",
  options: ["model", "repetitions", "forget", "json"],
  examples: [
    { command: "bitnet tune -m model.gguf", says: "takes a minute or two" },
    { command: "bitnet tune -m model.gguf --forget", says: "back to the defaults" },
    { command: "bitnet info --config", says: "what is used, and where it comes from" },
  ],
  async run(context, options) {
    const { out, ui } = context;
    const path = options.model ? await locateModel(options.model) : bundledModelPath();
    if (options.model === undefined) ui.info(BUNDLED_MODEL_NOTE);
    const source = await openModelSource(path);
    if (options.forget) {
      const file = rememberTuning(source, undefined);
      return options.json
        ? out.json({ model: path, forgotten: true, file })
        : out.line("forgotten");
    }
    const { contextLength } = hparamsOf(source.metadata);
    const space = searchSpace(contextLength);
    const result = await search(context, path, space, { ...options, contextLength });
    const { tuned, gain } = result;
    // What was remembered before was found on another day: it goes, whatever came out today.
    const file = rememberTuning(
      source,
      tuned && { ...tuned, gain: gain?.turn ?? 1, date: new Date().toISOString() },
    );
    if (options.json) {
      return out.json({
        model: path,
        defaults: space.defaults,
        ...result,
        tuned: tuned ?? null,
        file,
      });
    }
    for (const line of describeOutcome(result, file)) await out.line(line);
  },
});

const BATCH_SIZES = [64, 128, 256, 512];
/** Long enough for the largest batch; a third of it shows threads and kernels just as well. */
const LONG_PROMPT = 512;
const SHORT_PROMPT = 160;
const ANSWER = 24;
const REFERENCE_KERNEL = "scalar";

function searchSpace(contextLength: number): SearchSpace {
  const { active, targets } = loadAddon().cpuReport();
  const { cores, cpus } = machineSize();
  const runnable = targets.filter(({ name, runnable: runs }) => runs && name !== REFERENCE_KERNEL);
  return {
    defaults: { threads: defaultThreads(), batchSize: 512, kernel: active },
    kernels: process.env["BITNET_KERNEL"] ? [active] : runnable.map(({ name }) => name),
    threads: threadCandidates(cores, cpus),
    batchSizes: BATCH_SIZES.filter((size) => size <= contextLength),
  };
}

async function search(
  context: Context,
  model: string,
  space: SearchSpace,
  { repetitions, contextLength }: { repetitions: number; contextLength: number },
): Promise<SearchResult> {
  const { ui, signal } = context;
  const spinner = await ui.wait("tuning");
  const measure: MeasureChoices = async (choices, rounds) => {
    const varied = new Set(choices.map(({ batchSize }) => batchSize)).size > 1;
    const prompt = Math.min(varied ? LONG_PROMPT : SHORT_PROMPT, contextLength);
    const plan = planOf(model, choices, prompt);
    const { setups } = await runPlan(plan, {
      ...{ repetitions: rounds, probeBytes: null, energy: null, env: process.env, signal },
      onStep: ({ done, total, setup, label }) => {
        spinner.update(
          `${done} of ${total}: ${label}, ${setup.kernel}, ${threadsText(setup.threads)}, batches of ${setup.batchSize}`,
        );
      },
    });
    const rates = (i: number, iTest: number) => {
      const outcome = setups[i];
      const samples = outcome ? samplesOf(outcome, iTest) : [];
      return samples.map(({ tokens, seconds }) => tokens / seconds);
    };
    return choices.map((_, i): Speeds => ({ prompt: rates(i, 0), generation: rates(i, 1) }));
  };
  try {
    return await searchTuning(space, repetitions, measure, (stage) => {
      for (const line of describeStage(stage)) ui.info(line);
    });
  } finally {
    spinner.stop();
  }
}

function planOf(model: string, choices: readonly Choice[], nPrompt: number): Plan {
  const plans = choices.map(({ kernel, threads, batchSize }) =>
    planBench({
      models: [model],
      kernels: [kernel],
      threads: [threads],
      batchSizes: [batchSize],
      kvTypes: ["f16"],
      weights: ["fast"],
      nPrompt: [nPrompt],
      nGen: [ANSWER],
      depths: [0],
      activations: "int8",
      mmap: false,
    }),
  );
  return { setups: plans.flatMap(({ setups }) => setups), tests: plans[0]?.tests ?? [] };
}
