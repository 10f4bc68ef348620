import { accountEnergy, type EnergyBasis, type EnergyResult } from "../energy/account.ts";
import { type Plan, type TestCase, testName } from "../plan.ts";
import type { ModelFacts, PromptSample, Sample } from "../protocol.ts";
import { type Outcome, promptSamplesOf, type SetupOutcome, samplesOf } from "../runner.ts";
import { estimate, median } from "../stats.ts";
import { workOf } from "../work.ts";
import type {
  Achieved,
  BenchReport,
  BenchResult,
  EnergyReport,
  Limits,
  Machine,
  ModelReport,
  PromptMeans,
  PromptResult,
} from "./document.ts";
import { SCHEMA } from "./document.ts";
import { summarizeLatency } from "./latency.ts";

/** What a report needs beside the measurements. */
export interface ReportFacts {
  readonly bitnet: string;
  readonly date: Date;
  readonly machine: Machine;
  readonly repetitions: number;
  readonly energy: EnergyReport;
  readonly prompts: readonly string[];
}

export function buildReport({ tests }: Plan, outcome: Outcome, facts: ReportFacts): BenchReport {
  const { setups } = outcome;
  const { bitnet, machine, repetitions, energy } = facts;
  const limits = limitsOf(outcome);
  const basis = energy.method === null ? null : energy;
  return {
    schema: SCHEMA,
    bitnet,
    date: facts.date.toISOString(),
    machine,
    repetitions,
    limits,
    energy,
    models: modelsOf(setups),
    results: setups.flatMap((one) =>
      tests.map((test, i) => resultOf(one, test, samplesOf(one, i), limits, basis)),
    ),
    prompts: setups.flatMap((one) =>
      facts.prompts.map((prompt, i) => promptOf(one, prompt, promptSamplesOf(one, i))),
    ),
  };
}

function limitsOf({ limits }: Outcome): readonly Limits[] {
  return limits.map(({ kernel, threads, readBytes, int8Operations, f32Operations }) => ({
    kernel,
    threads,
    readBytesPerSecond: Math.round(readBytes),
    int8OperationsPerSecond: Math.round(int8Operations) || null,
    f32OperationsPerSecond: Math.round(f32Operations) || null,
  }));
}

function modelsOf(outcomes: readonly SetupOutcome[]): readonly ModelReport[] {
  const models = outcomes.map((outcome) => {
    const { name, family, parameters, fileBytes } = factsOf(outcome);
    return { path: outcome.setup.model, name, family, parameters, fileBytes };
  });
  return [...new Map(models.map((model) => [model.path, model])).values()];
}

function resultOf(
  outcome: SetupOutcome,
  test: TestCase,
  samples: readonly Sample[],
  limits: readonly Limits[],
  basis: EnergyBasis | null,
): BenchResult {
  const { setup, passes } = outcome;
  const rates = samples.map(({ tokens, seconds }) => round(tokens / seconds));
  const firstTokens = samples.flatMap(({ firstTokenMs }) => firstTokenMs ?? []);
  return {
    test: testName(test),
    ...test,
    setup,
    tokensPerSecond: estimate(rates),
    firstTokenMs: firstTokens.length > 0 ? estimate(firstTokens.map(round)) : null,
    interTokenMs: summarizeLatency(samples.flatMap(({ intervalsMs }) => intervalsMs)),
    loadMs: estimate(passes.map(({ loadMs }) => round(loadMs))),
    peakRssBytes: Math.max(...passes.map(({ peakRssBytes }) => peakRssBytes)),
    achieved: achievedBy(outcome, test, samples, limits),
    ...energyOf(samples, basis),
  };
}

function achievedBy(
  outcome: SetupOutcome,
  test: TestCase,
  samples: readonly Sample[],
  limits: readonly Limits[],
): Achieved {
  const { kernel, threads, batchSize } = outcome.setup;
  const limit = limits.find((one) => one.kernel === kernel && one.threads === threads);
  const work = workOf(test, factsOf(outcome).work, batchSize);
  const seconds = median(samples.map((sample) => sample.seconds));
  // Reading does not bound a prompt.
  const bytesPerSecond = test.kind === "prompt" ? null : work.bytes / seconds;
  const operationsPerSecond = work.operations / seconds;
  return {
    bytesPerSecond,
    readShare: share(bytesPerSecond, limit?.readBytesPerSecond),
    operationsPerSecond,
    operationsPerByte: work.operations / work.bytes,
    int8Share: share(operationsPerSecond, limit?.int8OperationsPerSecond),
  };
}

function energyOf(
  samples: readonly Sample[],
  basis: EnergyBasis | null,
): { readonly energy: EnergyResult | null; readonly energyReason: string | null } {
  if (basis === null) return { energy: null, energyReason: null };
  const found = accountEnergy(samples, basis);
  return "reason" in found
    ? { energy: null, energyReason: found.reason }
    : { energy: found, energyReason: null };
}

function promptOf(
  { setup }: SetupOutcome,
  prompt: string,
  samples: readonly PromptSample[],
): PromptResult {
  const good = samples.filter(({ error }) => error === null);
  return {
    prompt,
    setup,
    runs: samples.length,
    succeeded: good.length,
    successRate: samples.length === 0 ? 0 : good.length / samples.length,
    errors: [...new Set(samples.flatMap(({ error }) => error ?? []))],
    means: good.length === 0 ? null : meansOf(good),
  };
}

function meansOf(samples: readonly PromptSample[]): PromptMeans {
  const mean = (of: (sample: PromptSample) => number) =>
    round(samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length);
  const decoded = samples.filter(({ generatedTokens }) => generatedTokens > 1);
  const decodedTokens = decoded.reduce((sum, one) => sum + one.generatedTokens - 1, 0);
  const decodedMs = decoded.reduce((sum, one) => sum + one.generateMs, 0);
  return {
    promptTokens: mean(({ promptTokens }) => promptTokens),
    generatedTokens: mean(({ generatedTokens }) => generatedTokens),
    firstTokenMs: mean(({ firstTokenMs }) => firstTokenMs),
    promptTokensPerSecond: mean(({ promptTokens, promptMs }) => (1000 * promptTokens) / promptMs),
    generatedTokensPerSecond: decodedMs > 0 ? round((1000 * decodedTokens) / decodedMs) : null,
    totalMs: mean(({ firstTokenMs, generateMs }) => firstTokenMs + generateMs),
  };
}

function factsOf({ passes }: SetupOutcome): ModelFacts {
  const [first] = passes;
  if (first === undefined) throw new RangeError("a setup without passes");
  return first.facts;
}

function share(value: number | null, of: number | null | undefined): number | null {
  return value === null || !of ? null : value / of;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
