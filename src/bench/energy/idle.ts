import { setTimeout as sleep } from "node:timers/promises";
import type { EnergyMeter } from "./meter.ts";

/** Long enough for the machine to come to rest and for the counters to be exact to a percent. */
export const IDLE_MS = 5000;

/** Power of the machine while this process does nothing. */
export async function measureIdleWatts(
  meter: EnergyMeter,
  signal?: AbortSignal | undefined,
): Promise<number> {
  const before = meter.read();
  const startedAt = performance.now();
  await sleep(IDLE_MS, undefined, { signal });
  return (meter.read() - before) / ((performance.now() - startedAt) / 1000);
}
