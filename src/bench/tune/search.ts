import { median, ratio } from "../stats.ts";

/** What is tuned. */
export interface Choice {
  readonly threads: number;
  readonly batchSize: number;
  readonly kernel: string;
}

/** Tokens per second, repetition by repetition. */
export interface Speeds {
  readonly prompt: readonly number[];
  readonly generation: readonly number[];
}

/** Measures choices in turns. */
export type MeasureChoices = (
  choices: readonly Choice[],
  repetitions: number,
) => Promise<readonly Speeds[]>;

export interface SearchSpace {
  readonly defaults: Choice;
  readonly kernels: readonly string[];
  readonly threads: readonly number[];
  readonly batchSizes: readonly number[];
}

/** One setting that was tried in all its values. */
export interface Stage {
  readonly setting: keyof Choice;
  readonly trials: readonly Trial[];
  readonly chosen: Choice;
}

export interface Trial {
  readonly choice: Choice;
  readonly promptTokensPerSecond: number;
  readonly generatedTokensPerSecond: number;
  /** Of a typical turn. */
  readonly seconds: number;
}

export interface SearchResult {
  readonly stages: readonly Stage[];
  readonly best: Choice;
  /** The best beside the defaults, measured once more in turns; null when they are the same. */
  readonly gain: Gain | null;
  /** What is worth remembering: the best, where it is faster than noise explains. */
  readonly tuned: Choice | undefined;
}

/** How many times as fast as the defaults. */
export interface Gain {
  readonly turn: number;
  readonly confidence95: readonly [low: number, high: number];
  readonly prompt: number;
  readonly generation: number;
}

/** A typical turn of a conversation: a prompt and its answer. */
const TURN_PROMPT = 512;
const TURN_ANSWER = 128;
/** Less is not worth remembering: it may be another's work on the machine. */
const WORTHWHILE = 1.02;
/** For the last comparison, which decides. */
const FINAL_REPETITIONS = 5;

/** Tries one setting after the other, each with the best of the others so far; then compares the
 *  outcome with the defaults, since the best of many trials is also the luckiest. */
export async function searchTuning(
  { defaults, kernels, threads, batchSizes }: SearchSpace,
  repetitions: number,
  measure: MeasureChoices,
  onStage: (stage: Stage) => void = () => undefined,
): Promise<SearchResult> {
  const candidates: readonly ((best: Choice) => readonly [keyof Choice, readonly Choice[]])[] = [
    (best) => ["kernel", kernels.map((kernel) => ({ ...best, kernel }))],
    (best) => ["threads", threads.map((count) => ({ ...best, threads: count }))],
    (best) => ["batchSize", batchSizes.map((batchSize) => ({ ...best, batchSize }))],
  ];
  const stages: Stage[] = [];
  let best = defaults;
  for (const candidatesOf of candidates) {
    const [setting, choices] = candidatesOf(best);
    if (choices.length < 2) continue;
    const speeds = await measure(choices, repetitions);
    const trials = choices.map((choice, i) => trialOf(choice, speeds[i]));
    best = fastest(trials, best);
    stages.push({ setting, trials, chosen: best });
    onStage({ setting, trials, chosen: best });
  }
  if (isSame(best, defaults)) return { stages, best, gain: null, tuned: undefined };
  const [ofBest, ofDefaults] = await measure([best, defaults], FINAL_REPETITIONS);
  const gain = gainOf(ofBest, ofDefaults);
  return { stages, best, gain, tuned: gain.confidence95[0] > WORTHWHILE ? best : undefined };
}

function trialOf(choice: Choice, speeds: Speeds | undefined): Trial {
  const { prompt = [], generation = [] } = speeds ?? {};
  return {
    choice,
    promptTokensPerSecond: median(prompt),
    generatedTokensPerSecond: median(generation),
    seconds: median(turnSeconds({ prompt, generation })),
  };
}

/** The choice so far stays unless another is faster by what counts. */
function fastest(trials: readonly Trial[], sofar: Choice): Choice {
  const present = trials.find(({ choice }) => isSame(choice, sofar));
  const [first] = trials.toSorted((a, b) => a.seconds - b.seconds);
  if (first === undefined) return sofar;
  if (present && present.seconds < first.seconds * WORTHWHILE) return sofar;
  return first.choice;
}

function gainOf(now: Speeds | undefined, before: Speeds | undefined): Gain {
  if (now === undefined || before === undefined) throw new RangeError("nothing was measured");
  const found = ratio(turnSeconds(before), turnSeconds(now));
  if (found === undefined) throw new RangeError("too few repetitions");
  return {
    turn: found.median,
    confidence95: found.confidence95,
    prompt: median(now.prompt) / median(before.prompt),
    generation: median(now.generation) / median(before.generation),
  };
}

function turnSeconds({ prompt, generation }: Speeds): readonly number[] {
  return prompt.map((rate, i) => TURN_PROMPT / rate + TURN_ANSWER / (generation[i] ?? Number.NaN));
}

function isSame(a: Choice, b: Choice): boolean {
  return a.threads === b.threads && a.batchSize === b.batchSize && a.kernel === b.kernel;
}

/** Numbers of threads worth a trial: powers of two, the physical cores, one fewer, all CPUs. */
export function threadCandidates(physicalCores: number, logicalCpus: number): readonly number[] {
  const powers = Array.from({ length: 11 }, (_, i) => 2 ** i);
  const all = [...powers, physicalCores - 1, physicalCores, logicalCpus];
  const usable = all.filter((count) => count >= 1 && count <= logicalCpus);
  return [...new Set(usable)].sort((a, b) => a - b).slice(-MAX_THREAD_TRIALS);
}

const MAX_THREAD_TRIALS = 6;
