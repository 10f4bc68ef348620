import { type Plan, planBench } from "../bench/plan.ts";
import { threadsText } from "../bench/report/columns.ts";
import { runPlan, samplesOf } from "../bench/runner.ts";
import { median } from "../bench/stats.ts";
import { type MeasureChoice, type SearchResult, searchTuning } from "../bench/tune/search.ts";
import { type Choice, type SearchSpace, threadCandidates } from "../bench/tune/space.ts";
import type { Speed } from "../bench/tune/turn.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import { hparamsOf } from "../engine/hparams.ts";
import { loadAddon } from "../engine/load-addon.ts";
import { defaultThreads } from "../engine/threads.ts";
import { formatDuration } from "../ui/format.ts";
import type { Context } from "./context.ts";
import { machineSize } from "./machine.ts";
import { describeStage } from "./tune-output.ts";
import { rememberTuning } from "./tuning.ts";

const BATCH_SIZES = [512, 256, 128, 64];
/** Long enough for the largest batch; a third of it shows threads and kernels just as well. */
const LONG_PROMPT = 512;
const SHORT_PROMPT = 160;
const ANSWER = 24;
const REFERENCE_KERNEL = "scalar";

/** What can be tuned here for a model of such a context. */
export function searchSpace(contextLength: number): SearchSpace {
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

interface TuneLimits {
  readonly passes: number;
  readonly seconds: number;
  /** Gets the table of each setting. */
  readonly onLine: (line: string) => void;
}

/** Searches, and remembers what came out; tells the file. What was remembered before was found on
 *  another day: it goes. */
export async function tuneModel(
  context: Context,
  source: ModelSource,
  space: SearchSpace,
  limits: TuneLimits,
): Promise<{ readonly result: SearchResult; readonly file: string }> {
  const result = await search(context, source, space, limits);
  const { gain, tuned } = result;
  const date = new Date().toISOString();
  const turn = tuned === undefined ? NO_GAIN : (gain?.turn ?? NO_GAIN);
  const file = rememberTuning(source, { ...(tuned ?? space.defaults), gain: turn, date });
  return { result, file };
}

async function search(
  { ui, signal }: Context,
  source: ModelSource,
  space: SearchSpace,
  { passes, seconds, onLine }: TuneLimits,
): Promise<SearchResult> {
  const { contextLength } = hparamsOf(source.metadata);
  const spinner = await ui.wait("tuning");
  const clock = () => performance.now() / MS;
  const end = clock() + seconds;
  let samples = 1;
  const measure: MeasureChoice = async (choice, longPrompts) => {
    const left = formatDuration(Math.max(0, Math.round(end - clock())) * MS);
    spinner.update(`tuning: ${describeChoice(choice)} (${left} left)`);
    const prompt = Math.min(longPrompts ? LONG_PROMPT : SHORT_PROMPT, contextLength - ANSWER);
    const found = await measureOnce(source.path, choice, { prompt, samples, signal });
    // Small models are through in an instant: several samples make a pass.
    samples = Math.max(1, Math.min(MOST_SAMPLES, Math.round(PASS_SECONDS / found.seconds)));
    return found;
  };
  try {
    return await searchTuning(space, { passes, seconds, clock }, measure, (stage) => {
      for (const line of describeStage(stage)) onLine(line);
    });
  } finally {
    spinner.stop();
  }
}

const MS = 1000;
const NO_GAIN = 1;
const MOST_SAMPLES = 5;
const PASS_SECONDS = 1;

function describeChoice({ threads, batchSize, kernel }: Choice): string {
  return `${kernel}, ${threadsText(threads)}, batches of ${batchSize}`;
}

interface Pass extends Speed {
  /** That one sample took. */
  readonly seconds: number;
}

/** In a process of its own, which a kernel target needs. */
async function measureOnce(
  model: string,
  choice: Choice,
  { prompt, samples, signal }: { prompt: number; samples: number; signal: AbortSignal },
): Promise<Pass> {
  const quiet = { probeBytes: null, energy: null, env: process.env, signal };
  const { setups } = await runPlan(planOf(model, choice, prompt), {
    ...quiet,
    repetitions: samples,
  });
  const rate = (iTest: number) => {
    const found = setups[0] ? samplesOf(setups[0], iTest) : [];
    return median(found.map(({ tokens, seconds }) => tokens / seconds));
  };
  const speed = { prompt: rate(0), generation: rate(1) };
  return { ...speed, seconds: prompt / speed.prompt + ANSWER / speed.generation };
}

function planOf(model: string, { kernel, threads, batchSize }: Choice, nPrompt: number): Plan {
  return planBench({
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
  });
}
