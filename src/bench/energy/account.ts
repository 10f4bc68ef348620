import { type Estimate, estimate } from "../stats.ts";
import type { EnergyMethod } from "./meter.ts";

/** What one measured stretch took. */
export interface EnergySample {
  readonly seconds: number;
  readonly tokens: number;
  /** By the meter; null where there is none. */
  readonly joules: number | null;
}

/** What energy figures of a run rest on. */
export interface EnergyBasis {
  readonly method: EnergyMethod;
  readonly scope: string;
  /** Power of the idle machine before the run; null where nobody measured it. */
  readonly idleWatts: number | null;
  /** Set for --assume-watts. */
  readonly assumedWatts: number | null;
}

/** Energy of one test, all repetitions together. */
export interface EnergyResult {
  readonly method: EnergyMethod;
  readonly scope: string;
  /** True where the power was assumed: such figures are never compared. */
  readonly estimate: boolean;
  readonly seconds: number;
  readonly grossJoules: number;
  /** Less what the idle machine would have taken meanwhile. */
  readonly netJoules: number | null;
  readonly watts: number;
  readonly joulesPerToken: Estimate;
  readonly netJoulesPerToken: number | null;
}

/** The counters move about every millisecond: what is shorter is noise. */
export const MIN_SECONDS = 1;

/** Energy of a test's samples, or why there is none. */
export function accountEnergy(
  samples: readonly EnergySample[],
  { method, scope, idleWatts, assumedWatts }: EnergyBasis,
): EnergyResult | { readonly reason: string } {
  const seconds = sum(samples.map((sample) => sample.seconds));
  if (seconds < MIN_SECONDS) {
    return {
      reason: `too short: ${seconds.toFixed(2)} s in all repetitions, ${MIN_SECONDS} s are needed`,
    };
  }
  const joules = samples.map((sample) =>
    assumedWatts === null ? (sample.joules ?? Number.NaN) : assumedWatts * sample.seconds,
  );
  const tokens = sum(samples.map((sample) => sample.tokens));
  const grossJoules = sum(joules);
  const netJoules = idleWatts === null ? null : Math.max(0, grossJoules - idleWatts * seconds);
  return {
    method,
    scope,
    estimate: assumedWatts !== null,
    seconds,
    grossJoules,
    netJoules,
    watts: grossJoules / seconds,
    joulesPerToken: estimate(joules.map((value, i) => value / (samples[i]?.tokens ?? Number.NaN))),
    netJoulesPerToken: netJoules === null ? null : netJoules / tokens,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
