import type { MachineLimits } from "../engine/binding.ts";
import type { EnergyWhere } from "./energy/open.ts";
import { type Plan, type Setup, turns } from "./plan.ts";
import { askProcess, type ProcessOptions } from "./process.ts";
import type { MeasuredPass, PromptSample, PromptsRequest, Sample } from "./protocol.ts";

export interface RunOptions extends Omit<ProcessOptions, "onStep"> {
  readonly repetitions: number;
  /** Memory that the probe of the machine's limits reads through; null: no probe. */
  readonly probeBytes: number | null;
  readonly energy: EnergyWhere | null;
  readonly prompts?: PromptsRequest | null | undefined;
  readonly onStep?: ((step: Step) => void) | undefined;
}

/** How far a run is. */
export interface Step {
  readonly done: number;
  readonly total: number;
  readonly setup: Setup;
  readonly label: string;
}

/** All that was measured of one setup. */
export interface SetupOutcome {
  readonly setup: Setup;
  readonly passes: readonly MeasuredPass[];
}

/** What this machine was measured to do with so many threads of a kernel target. */
export interface ProbedLimits extends MachineLimits {
  readonly kernel: string;
  readonly threads: number;
}

export interface Outcome {
  readonly limits: readonly ProbedLimits[];
  readonly setups: readonly SetupOutcome[];
}

/** Measures every test of the plan on every setup. One setup runs in one process; several take
 *  turns, round by round, in fresh ones, so that the machine's drift meets all alike.
 *  @throws {BitnetError}    the first that goes wrong
 *  @throws {CancelledError} the signal was aborted */
export async function runPlan({ setups, tests }: Plan, options: RunOptions): Promise<Outcome> {
  const { repetitions, energy, prompts = null, env, signal } = options;
  const alone = setups.length === 1;
  const rounds = alone ? 1 : repetitions;
  const perRound = tests.length + (prompts?.texts.length ?? 0);
  const total = setups.length * repetitions * perRound;
  const passes = new Map<Setup, MeasuredPass[]>(setups.map((setup) => [setup, []]));
  const limits = await probeLimits(setups, options);
  let done = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const setup of turns(setups, round)) {
      const request = {
        type: "measure",
        setup,
        tests,
        rounds: alone ? repetitions : 1,
        energy,
        prompts,
      } as const;
      const onStep = (label: string) => {
        done += 1;
        options.onStep?.({ done, total, setup, label });
      };
      passes.get(setup)?.push(await askProcess(request, { env, signal, onStep }));
    }
  }
  return { limits, setups: setups.map((setup) => ({ setup, passes: passes.get(setup) ?? [] })) };
}

/** Once for each kernel target and number of threads. */
async function probeLimits(
  setups: readonly Setup[],
  { probeBytes, env, signal }: RunOptions,
): Promise<readonly ProbedLimits[]> {
  if (probeBytes === null) return [];
  const wanted = new Map(setups.map((one) => [`${one.kernel} ${one.threads}`, one]));
  const found: ProbedLimits[] = [];
  for (const { kernel, threads } of wanted.values()) {
    const request = { type: "limits", kernel, threads, bytes: probeBytes } as const;
    found.push({ kernel, threads, ...(await askProcess(request, { env, signal })) });
  }
  return found;
}

/** Samples of a test, of all passes. */
export function samplesOf({ passes }: SetupOutcome, iTest: number): readonly Sample[] {
  return passes.flatMap(({ samples }) => samples[iTest] ?? []);
}

/** Runs of a prompt, of all passes. */
export function promptSamplesOf(
  { passes }: SetupOutcome,
  iPrompt: number,
): readonly PromptSample[] {
  return passes.flatMap(({ prompts }) => prompts[iPrompt] ?? []);
}
