import { median } from "../stats.ts";
import { Budget } from "./budget.ts";
import { type Choice, isSame, type SearchSpace } from "./space.ts";
import { type Gain, gainOf, type Speed, turnSeconds } from "./turn.ts";

/** Measures a choice once; with long prompts where the batch size shows. */
export type MeasureChoice = (choice: Choice, longPrompts: boolean) => Promise<Speed>;

export interface SearchLimits {
  /** Passes of each choice at most. */
  readonly passes: number;
  /** For everything. What cannot be tried in it is left out, but for the likeliest values. */
  readonly seconds: number;
  /** Seconds by any clock. */
  readonly clock: () => number;
}

/** One setting and the values of it that were tried. */
export interface Stage {
  readonly setting: keyof Choice;
  readonly trials: readonly Trial[];
  /** Values that were left out: for want of time, or because nearer ones were far slower. */
  readonly untried: readonly (string | number)[];
  readonly chosen: Choice;
}

export interface Trial {
  readonly choice: Choice;
  readonly passes: number;
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

/** Less is not worth remembering: it may be another's work on the machine. */
export const WORTHWHILE = 1.02;
/** A choice whose luckiest pass is so much slower than the best one's unluckiest is out: by passes
 *  of each, since the first may have met another's work on the machine. */
const HOPELESS = [1.25, 1.1, WORTHWHILE] as const;
/** Of a pair in the last comparison, which decides; fewer than three give no interval. */
const FINAL_PASSES = 5;
const LEAST_FINAL_PASSES = 3;

/** Tries one setting after the other, each with the best of the others so far; then compares the
 *  outcome with the defaults, since the best of many trials is also the luckiest. */
export async function searchTuning(
  { defaults, kernels, threads, batchSizes }: SearchSpace,
  limits: SearchLimits,
  measure: MeasureChoice,
  onStage: (stage: Stage) => void = () => undefined,
): Promise<SearchResult> {
  const budget = new Budget(limits, measure, 2 * LEAST_FINAL_PASSES);
  const settings: readonly (readonly [keyof Choice, readonly (string | number)[]])[] = [
    ["threads", threads],
    ["kernel", kernels],
    ["batchSize", batchSizes],
  ];
  const open = settings.filter(([, values]) => values.length > 1);
  const stages: Stage[] = [];
  let best = defaults;
  for (const [i, [setting, values]] of open.entries()) {
    const stage = await tryValues({ setting, values, sofar: best }, limits.passes, {
      measure: (choice) => budget.measure(choice, setting === "batchSize"),
      hasTime: budget.share(open.length - i),
    });
    best = stage.chosen;
    stages.push(stage);
    onStage(stage);
  }
  if (isSame(best, defaults)) return { stages, best, gain: null, tuned: undefined };
  const longPrompts = best.batchSize !== defaults.batchSize;
  const [ofBest, ofDefaults]: [Speed[], Speed[]] = [[], []];
  for (let pass = 0; pass < FINAL_PASSES; pass += 1) {
    if (pass >= LEAST_FINAL_PASSES && budget.isSpent()) break;
    ofBest.push(await budget.measure(best, longPrompts));
    ofDefaults.push(await budget.measure(defaults, longPrompts));
  }
  const gain = gainOf(ofBest, ofDefaults);
  return { stages, best, gain, tuned: gain.confidence95[0] > WORTHWHILE ? best : undefined };
}

/** The present value and the likeliest other are tried whatever the time. */
const LEAST_VALUES = 2;

interface StageWork {
  readonly setting: keyof Choice;
  readonly values: readonly (string | number)[];
  readonly sofar: Choice;
}

interface StageMeans {
  readonly measure: (choice: Choice) => Promise<Speed>;
  readonly hasTime: () => boolean;
}

/** All values take turns; what falls far behind is not measured again, and what lies beyond it on
 *  the same side of the present one not at all. */
async function tryValues(
  { setting, values, sofar }: StageWork,
  passes: number,
  { measure, hasTime }: StageMeans,
): Promise<Stage> {
  const present = sofar[setting];
  const ordered = [present, ...values.filter((value) => value !== present)];
  const found = new Map<string | number, Speed[]>();
  const isSkipped = (value: string | number, pass: number) =>
    pass === 0 ? isBeyond(value, present, found) : !survivors(found).includes(value);
  for (let pass = 0; pass < passes && (pass === 0 || survivors(found).length > 1); pass += 1) {
    for (const [i, value] of ordered.entries()) {
      const isLeast = pass === 0 && i < LEAST_VALUES;
      if (isSkipped(value, pass) || (!isLeast && !hasTime())) continue;
      const speed = await measure({ ...sofar, [setting]: value });
      found.set(value, [...(found.get(value) ?? []), speed]);
    }
  }
  const tried = ordered.filter((value) => found.has(value));
  const trials = tried.map((value) =>
    trialOf({ ...sofar, [setting]: value }, found.get(value) ?? []),
  );
  const untried = ordered.filter((value) => !found.has(value));
  return { setting, trials, untried, chosen: fastest(trials, sofar) };
}

/** Whether a number lies beyond one that is hopeless, as seen from the present one. */
function isBeyond(
  value: string | number,
  present: string | number,
  found: ReadonlyMap<string | number, readonly Speed[]>,
): boolean {
  if (typeof value !== "number" || typeof present !== "number") return false;
  const alive = survivors(found);
  const out = [...found.keys()].filter((one) => !alive.includes(one)).map(Number);
  return out.some((one) => (one - present) * (value - one) > 0);
}

/** Values that may still be the best. */
function survivors(
  found: ReadonlyMap<string | number, readonly Speed[]>,
): readonly (string | number)[] {
  const seconds = [...found].map(([value, speeds]) => [value, speeds.map(turnSeconds)] as const);
  const bar = Math.min(
    ...seconds.map(([, turns]) => Math.max(...turns) * (HOPELESS[turns.length - 1] ?? WORTHWHILE)),
  );
  return seconds.filter(([, turns]) => Math.min(...turns) <= bar).map(([value]) => value);
}

function trialOf(choice: Choice, speeds: readonly Speed[]): Trial {
  return {
    choice,
    passes: speeds.length,
    promptTokensPerSecond: median(speeds.map(({ prompt }) => prompt)),
    generatedTokensPerSecond: median(speeds.map(({ generation }) => generation)),
    seconds: median(speeds.map(turnSeconds)),
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
